#include "destination/snowflake/auth/token_source.h"

#include <gtest/gtest.h>

#include "destination/snowflake/auth/key_pair_jwt.h"

namespace luge {
namespace {

class SetClock final : public Clock {
 public:
  Instant now() const override { return {0}; }
  PgTimestamp wall_now() const override { return {seconds * 1'000'000}; }
  std::int64_t seconds = 800'000'000;  // since 2000
};

TEST(KeyPairTokens, are_kept_until_shortly_before_their_end) {
  SetClock clock;
  KeyPairTokens tokens(std::move(*KeyPair::generate()), "acct", "etl", "", clock);
  const auto first = tokens.token();
  ASSERT_TRUE(first);
  EXPECT_EQ(first->type, "KEYPAIR_JWT");
  EXPECT_EQ(jwt_expiry_s(first->value), 946'684'800 + clock.seconds + 3540);
  clock.seconds += 3540 - 301;
  EXPECT_EQ(tokens.token()->value, first->value);
  clock.seconds += 1;
  EXPECT_NE(tokens.token()->value, first->value);
  const auto renewed = tokens.token();
  clock.seconds -= 7200;
  EXPECT_NE(tokens.token()->value, renewed->value) << "a clock that was set back";
}

TEST(KeyPairTokens, a_refused_one_is_made_again_once) {
  SetClock clock;
  KeyPairTokens tokens(std::move(*KeyPair::generate()), "acct", "etl", "", clock);
  const auto first = tokens.token();
  clock.seconds += 1;
  EXPECT_EQ(tokens.token()->value, first->value);
  EXPECT_TRUE(tokens.refused(*first));
  const auto second = tokens.token();
  EXPECT_NE(second->value, first->value);
  EXPECT_TRUE(tokens.refused(*first));  // another thread, late
  EXPECT_EQ(tokens.token()->value, second->value);
}

TEST(GivenToken, is_what_it_is) {
  GivenToken tokens("secret", "PROGRAMMATIC_ACCESS_TOKEN");
  EXPECT_EQ(tokens.token()->value, "secret");
  EXPECT_FALSE(tokens.refused(*tokens.token()));
}

}  // namespace
}  // namespace luge
