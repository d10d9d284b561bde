#include "service/http/request_guard.h"

#include <gtest/gtest.h>

namespace luge {
namespace {

constexpr const char* kToken = "0123456789abcdef";

int status_of(const RequestGuard& guard, const RequestGuard::Facts& facts) {
  const auto refusal = guard.refusal(facts);
  return refusal ? refusal->status : 200;
}

RequestGuard::Facts get(std::optional<std::string_view> host) { return {"GET", "/api/v1/pipelines", host, {}, {}, {}}; }

RequestGuard::Facts post(std::optional<std::string_view> authorization, std::optional<std::string_view> origin = {}) {
  return {"POST", "/api/v1/pipelines/a/pause", "localhost:9000", origin, authorization, {}};
}

TEST(RequestGuard, OnlyNamesThatCannotBeReboundAreAnswered) {
  const RequestGuard guard({kToken, false, {"luge.internal"}});
  for (const char* host : {"localhost", "LOCALHOST:9000", "127.0.0.1:9000", "10.1.2.3:9000", "[::1]:9000", "[fe80::1]", "luge.internal:9000"}) {
    EXPECT_EQ(status_of(guard, get(host)), 200) << host;
  }
  for (const char* host : {"", "evil.example", "evil.example:9000", "localhost.evil.example", "127.0.0.1.evil.example", "[::1", "1", "0x7f000001"}) {
    EXPECT_EQ(status_of(guard, get(host)), 421) << host;
  }
  EXPECT_EQ(status_of(guard, get({})), 421);
}

TEST(RequestGuard, ChangesNeedTheToken) {
  const RequestGuard guard({kToken, false, {}});
  EXPECT_EQ(status_of(guard, post("Bearer 0123456789abcdef")), 200);
  EXPECT_EQ(status_of(guard, post("bearer 0123456789abcdef")), 200);
  for (const char* wrong : {"Bearer 0123456789abcdeF", "Bearer 0123456789abcde", "Bearer 0123456789abcdef0", "Bearer ", "Bearer", "",
                            "0123456789abcdef", "Basic 0123456789abcdef", "Bearer  0123456789abcdef"}) {
    EXPECT_EQ(status_of(guard, post(wrong)), 401) << wrong;
  }
  EXPECT_EQ(status_of(guard, post({})), 401);
  EXPECT_EQ(status_of(guard, get("localhost")), 200) << "reading does not";
}

TEST(RequestGuard, WithoutATokenNothingChanges) {
  const RequestGuard guard({"", false, {}});
  EXPECT_EQ(status_of(guard, post("Bearer ")), 403);
  EXPECT_EQ(status_of(guard, post({})), 403);
  EXPECT_EQ(status_of(guard, get("localhost")), 200);
}

TEST(RequestGuard, ForeignPagesChangeNothingEvenWithTheToken) {
  const RequestGuard guard({kToken, false, {}});
  const char* bearer = "Bearer 0123456789abcdef";
  EXPECT_EQ(status_of(guard, post(bearer, "http://localhost:9000")), 200);
  EXPECT_EQ(status_of(guard, post(bearer, "https://localhost:9000")), 200) << "behind a proxy that ends TLS";
  for (const char* origin : {"http://evil.example", "http://localhost", "http://localhost:9001", "null", "http://localhost:9000.evil.example"}) {
    EXPECT_EQ(status_of(guard, post(bearer, origin)), 403) << origin;
  }
  auto facts = post(bearer);
  facts.fetch_site = "cross-site";
  EXPECT_EQ(status_of(guard, facts), 403);
  facts.fetch_site = "same-site";
  EXPECT_EQ(status_of(guard, facts), 403) << "another port of this machine is another program";
  facts.fetch_site = "same-origin";
  EXPECT_EQ(status_of(guard, facts), 200);
}

TEST(RequestGuard, ReadingCanNeedTheTokenToo) {
  const RequestGuard guard({kToken, true, {}});
  EXPECT_EQ(status_of(guard, get("localhost")), 401);
  EXPECT_EQ(status_of(guard, {"GET", "/health", "localhost", {}, {}, {}}), 200);
  EXPECT_EQ(status_of(guard, {"GET", "/metrics", "localhost", {}, "Bearer 0123456789abcdef", {}}), 200);
}

TEST(EqualInConstantTime, ComparesAllOfIt) {
  EXPECT_TRUE(equal_in_constant_time("abc", "abc"));
  EXPECT_TRUE(equal_in_constant_time("", ""));
  for (const char* other : {"", "a", "ab", "abd", "bbc", "abcabc", "abcc"}) EXPECT_FALSE(equal_in_constant_time(other, "abc")) << other;
  EXPECT_FALSE(equal_in_constant_time("abc", ""));
}

}  // namespace
}  // namespace luge
