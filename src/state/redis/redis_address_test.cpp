#include "state/redis/redis_address.h"

#include <gtest/gtest.h>

namespace luge {
namespace {

std::string parsed(std::string_view text) {
  const auto address = RedisAddress::parse(text);
  if (!address) return "! " + address.error().what;
  return address->redacted() + " " + address->user + " " + address->password + (address->may_lose ? " may lose" : "");
}

TEST(RedisAddress, Servers) {
  EXPECT_EQ(parsed("redis://db"), "redis://db:6379  ");
  EXPECT_EQ(parsed("redis://db:7000/3"), "redis://db:7000/3  ");
  EXPECT_EQ(parsed("redis://:s%40cret%2F@db"), "redis://db:6379  s@cret/");
  EXPECT_EQ(parsed("redis://luge:p:w@127.0.0.1:1"), "redis://127.0.0.1:1 luge p:w");
  EXPECT_EQ(parsed("rediss://[::1]:6380/1?may_lose=yes"), "rediss://[::1]:6380/1   may lose");
  EXPECT_EQ(parsed("redis://luge:a/b#c?d@e@db/1?may_lose=yes"), "redis://db:6379/1 luge a/b#c?d@e may lose") << "the last @ ends the password";
}

TEST(RedisAddress, CredentialsAreFoundInAddressesThatMakeNoSenseToo) {
  EXPECT_EQ(RedisAddress::credentials("redis://luge:a/b#c?d@e@db/1"), "luge:a/b#c?d@e");
  EXPECT_EQ(RedisAddress::credentials("rediss+sentinel://:secret@a,b"), ":secret");
  EXPECT_EQ(RedisAddress::credentials("redis://u:%zz@"), "u:%zz");
  for (const char* none : {"redis://db/1", "http://u:p@db", "sqlite:/a@b", "u:p@db", ""})
    EXPECT_EQ(RedisAddress::credentials(none), std::nullopt) << none;
}

TEST(RedisAddress, Sentinels) {
  EXPECT_EQ(parsed("redis+sentinel://a,b:5,[fe80::1]/main"), "redis+sentinel://a:26379,b:5,[fe80::1]:26379/main  ");
  EXPECT_EQ(parsed("redis+sentinel://u:p@a:1/main/2"), "redis+sentinel://a:1/main/2 u p");
}

TEST(RedisAddress, WhatIsWrongIsSaidAndNothingIsQuoted) {
  for (const char* text : {"db", "http://db", "redis://", "redis://:secret@", "redis://db:0", "redis://db:99999", "redis://db:x", "redis://db/x",
                           "redis://db/1/2", "redis://secret@db", "redis://:secret%zz@db", "redis://a,b", "redis+sentinel://a", "redis+sentinel://a/",
                           "redis://[::1", "redis://db?x=secret"}) {
    const auto address = RedisAddress::parse(text);
    ASSERT_FALSE(address) << text;
    EXPECT_EQ(address.error().exit_code, ExitCode::usage) << text;
    EXPECT_EQ(address.error().message().find("secret"), std::string::npos) << address.error().message();
  }
}

}  // namespace
}  // namespace luge
