#include "destination/snowflake/encode/variant_check.h"

#include <bit>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "base/random.h"

namespace luge {
namespace {

std::string verdict(std::string_view json, JsonText from = JsonText::any) {
  VariantCheck check;
  const char* reason = check.misfit(json, from);
  return reason == nullptr ? "fits" : reason;
}

const std::string kRounded = "the JSON has a number that VARIANT would round";
const std::string kTwice = "an object of the JSON has the same key twice";
const std::string kHalf = "the JSON has half of a surrogate pair, which is no character";
const std::string kNotJson = "the value is not JSON";

TEST(VariantCheck, Documents) {
  for (const char* json :
       {"true", " false ", "[null]", "0", "-0", "\"\"", "{}", "[]", "[ ]", "{ }", "[1,2]", "[[],[[]],{}]", R"({"a":{"b":[1,{"c":null}]}})",
        "\n{\"a\" :\r\n\t1 , \"b\": [ 1 ,2 ] }\n", R"("\"\\\/\b\f\n\r\t\u0041\ud83c\udf88")", R"(["ü☃🎈", "\u0000"])"}) {
    EXPECT_EQ(verdict(json), "fits") << json;
  }
}

TEST(VariantCheck, ANullOfItsOwnIsNotTheSqlNull) {
  for (const char* json : {"null", " null", "\n\t null\r "}) EXPECT_EQ(verdict(json), "the JSON is null, which would arrive as the SQL NULL") << json;
}

TEST(VariantCheck, WhatIsNotJson) {
  for (const char* json : {"",        " ",        "nul",  "tru",       "nulll",   "1 2",      "[1,]",
                           "[,1]",    "[1",       "]",    "{",         "{\"a\"}", "{\"a\":}", "{\"a\":1,}",
                           "{a:1}",   "{1:1}",    "[1}",  "{\"a\":1]", "01",      "-",        "1.",
                           ".5",      "1e",       "1e+",  "+1",        "\"abc",   "\"\\x\"",  "\"\\u12g4\"",
                           "\"\\u12", "\"a\nb\"", "\"\\", "'a'",       "NaN",     "Infinity", "[\"a\" \"b\"]",
                           "\"a\":1", "{\"a\" 1}"}) {
    EXPECT_EQ(verdict(json), kNotJson) << json;
  }
}

TEST(VariantCheck, FixedPointNumbers) {
  const std::string nines(38, '9');
  for (const std::string& json : {nines, "-" + nines, "1." + std::string(37, '9'), "0." + std::string(37, '9'), std::string("123.4500"),
                                  std::string("18446744073709551615"), std::string("0.1"), std::string("-0.0")}) {
    EXPECT_EQ(verdict(json), "fits") << json;
  }
  // Beyond that they become doubles, which hold fewer digits.
  for (const std::string& json : {nines + "9", nines + ".5", "12." + std::string(36, '0') + "1", "0." + std::string(38, '1')}) {
    EXPECT_EQ(verdict(json), kRounded) << json;
  }
}

TEST(VariantCheck, NumbersThatBecomeDoubles) {
  const std::string wide = "1" + std::string(100, '0');
  for (const std::string& json : {std::string("1e5"), std::string("1.5E+300"), std::string("-2.5e-300"), std::string("123456789012345e-3"), wide,
                                  "-" + wide, wide + ".0", std::string("0e999999999"), std::string("0.0e-5"), std::string("1.7976931348623157e308"),
                                  std::string("2.2250738585072014e-308"), std::string("0.1e1"), std::string("0.00120e5"),
                                  "0." + std::string(40, '0') + "5", std::string("1.2345678901234567e-20"), std::string("100e-2")}) {
    EXPECT_EQ(verdict(json), "fits") << json;
  }
  for (const std::string& json : {std::string("1e400"), std::string("-1e400"), std::string("1e-400"), std::string("1.7976931348623159e308"),
                                  std::string("1234567890123456789e0"), "1" + std::string(99, '0') + "1", std::string("9007199254740993e0"),
                                  std::string("1e999999999999999999999"), std::string("0.12345678901234567891e0"), "0." + std::string(38, '1')}) {
    EXPECT_EQ(verdict(json), kRounded) << json;
  }
}

TEST(VariantCheck, EveryDoubleFitsHoweverItWasWritten) {
  SeededRandom random(11);
  for (int round = 0; round < 20'000; ++round) {
    const auto value = std::bit_cast<double>(random.next());
    if (!std::isfinite(value)) continue;
    char text[40];
    std::snprintf(text, sizeof text, "%.16e", value);
    ASSERT_EQ(verdict(text), "fits") << text;
    const std::string shortest(text, std::to_chars(text, text + sizeof text, value, std::chars_format::scientific).ptr);
    ASSERT_EQ(verdict(shortest), "fits") << shortest;
    std::snprintf(text, sizeof text, "%.14e", value);
    if (std::abs(value) > 1e-300) {
      ASSERT_EQ(verdict(text), "fits") << text;
    }
  }
}

TEST(VariantCheck, KeysThatComeTwice) {
  EXPECT_EQ(verdict(R"({"a":1,"a":2})"), kTwice);
  EXPECT_EQ(verdict(R"({"a":1,"\u0061":2})"), kTwice);
  EXPECT_EQ(verdict(R"({"\ud83c\udf88":1,"🎈":2})"), kTwice);
  EXPECT_EQ(verdict(R"({"\n":1,"\u000a":2})"), kTwice);
  EXPECT_EQ(verdict(R"([{"x":{"b":1,"a":{"k":1},"b":3}}])"), kTwice);
  EXPECT_EQ(verdict(R"({"":1,"":2})"), kTwice);
  EXPECT_EQ(verdict(R"({"a":{"a":{"a":1}},"A":1,"b":[{"a":1},{"a":1}]})"), "fits");
  EXPECT_EQ(verdict(R"({"a":1,"b":{"a":1},"c":1})"), "fits");
  EXPECT_EQ(verdict(R"({"a":1,"b":{"a":1},"a":1})"), kTwice);
  EXPECT_EQ(verdict(R"({"a":1,"a":2})", JsonText::jsonb), "fits") << "jsonb has none, and is not searched";
  std::string many = "{";
  for (int i = 0; i < 3000; ++i) many += "\"k" + std::to_string(i) + "\":1,";
  EXPECT_EQ(verdict(many + "\"z\":1}"), "fits");
  EXPECT_EQ(verdict(many + "\"k1500\":1}"), kTwice);
}

/// The short way through a jsonb finds what the long way finds.
TEST(VariantCheck, JsonbIsJudgedAsAnyText) {
  EXPECT_EQ(verdict("null", JsonText::jsonb), "the JSON is null, which would arrive as the SQL NULL");
  EXPECT_EQ(verdict(R"(["null"])", JsonText::jsonb), "fits");
  SeededRandom random(7);
  const auto digits = [&random] {
    std::string text(1, static_cast<char>('1' + random.below(9)));
    for (std::uint64_t more = random.chance(1, 2) ? random.below(12) : 33 + random.below(9); more > 0; --more)
      text += static_cast<char>('0' + random.below(10));
    return text;
  };
  int refused = 0;
  for (int round = 0; round < 50'000; ++round) {
    std::string json = "[";
    for (std::uint64_t values = random.below(6); values > 0; --values) {
      if (json.size() > 1) json += ", ";
      json += std::string(random.below(60), ' ');
      switch (random.below(5)) {
        case 0: json += "-" + digits(); break;
        case 1: json += (random.chance(1, 2) ? "0." : digits() + ".") + digits(); break;
        case 2: json += "\"" + digits() + "\""; break;
        case 3: json += "{\"k" + digits() + "\": " + digits() + "}"; break;
        default: json += digits(); break;
      }
    }
    json += "]";
    const std::string wanted = verdict(json);
    refused += wanted == kRounded ? 1 : 0;
    ASSERT_EQ(verdict(json, JsonText::jsonb), wanted) << json;
  }
  EXPECT_GT(refused, 1000);
}

TEST(VariantCheck, HalvesOfSurrogatePairs) {
  for (const char* json : {R"("\ud800")", R"("\udc00")", R"("\ud800\u0041")", R"("\ud800x")", R"({"\ud83c":1})", R"("\udf88\ud83c")"})
    EXPECT_EQ(verdict(json), kHalf) << json;
}

TEST(VariantCheck, DeepDocumentsDoNotRecurse) {
  constexpr std::size_t kDepth = 1'000'000;
  EXPECT_EQ(verdict(std::string(kDepth, '[') + std::string(kDepth, ']')), "fits");
  EXPECT_EQ(verdict(std::string(kDepth, '[')), kNotJson);
}

/// Agrees with another reader about what is JSON, on documents with one byte changed.
TEST(VariantCheck, AgreesAboutWhatIsJson) {
  SeededRandom random(12);
  const std::string document = R"({"a": [1, 2.5, -3e2, true, null], "b": {"c": "x\n\u0041\"y", "d": false}, "e": ""})";
  static constexpr char kBytes[] = "{}[]:,\"\\0123456789eE+-. atrufnl\n\x01";
  int valid = 0;
  for (int round = 0; round < 50'000; ++round) {
    std::string changed = document;
    for (auto changes = 1 + random.below(2); changes > 0; --changes) {
      const std::size_t place = random.below(changed.size());
      const char byte = kBytes[random.below(sizeof kBytes - 1)];
      if (random.chance(1, 3)) {
        changed.erase(place, 1);
      } else if (random.chance(1, 2)) {
        changed.insert(place, 1, byte);
      } else {
        changed[place] = byte;
      }
    }
    const bool json = nlohmann::json::accept(changed);
    const std::string mine = verdict(changed);
    valid += json ? 1 : 0;
    // It also refuses some JSON, but says so in other words. nlohmann refuses lone surrogates as malformed, and numbers beyond a double.
    ASSERT_EQ(mine == kNotJson, !json && mine != kHalf && mine != kRounded) << changed;
  }
  EXPECT_GT(valid, 1000);
}

}  // namespace
}  // namespace luge
