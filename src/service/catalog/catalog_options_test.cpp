#include "service/catalog/catalog_options.h"

#include <gtest/gtest.h>

namespace luge {
namespace {

TEST(CatalogOptions, ValuesAreAsOnTheCommandLine) {
  const auto options = parse_options(R"({"on_gap": "resync", "streaming": true, "n": 4, "big": 12345678901234, "list": ["a", 2, false],
                                         "tables": {"public.orders": {"merge_interval": "10s"}}})");
  ASSERT_TRUE(options) << options.error().message();
  EXPECT_EQ(options->at("on_gap"), "resync");
  EXPECT_EQ(options->at("streaming"), "on");
  EXPECT_EQ(options->at("n"), "4");
  EXPECT_EQ(options->at("big"), "12345678901234");
  EXPECT_EQ(options->at("list"), "a,2,off");
  EXPECT_EQ(options->at("tables"), R"({"public.orders":{"merge_interval":"10s"}})");
  EXPECT_EQ(*parse_options(write_options(*options)), *options);
  EXPECT_TRUE(parse_options("")->empty());
  EXPECT_TRUE(parse_options("{}")->empty());
}

TEST(CatalogOptions, AnythingElseIsRefusedWithoutQuotingIt) {
  for (const std::string& bad : {std::string("hunter2"), std::string("[]"), std::string("null"), std::string(R"({"a": null})"),
                                 std::string(R"({"a": [["hunter2"]]})"), std::string(R"({"A": "hunter2"})"), std::string(R"({"": 1})"),
                                 std::string("{\"a\": \"\xff\"}"), "{\"a\": \"" + std::string(70'000, 'x') + "\"}", std::string(60'000, '[')}) {
    const auto refused = parse_options(bad);
    ASSERT_FALSE(refused) << bad.substr(0, 40);
    EXPECT_EQ(refused.error().code, "bad_options");
    EXPECT_EQ(refused.error().message().find("hunter2"), std::string::npos);
    EXPECT_LT(refused.error().message().size(), 300U);
  }
}

}  // namespace
}  // namespace luge
