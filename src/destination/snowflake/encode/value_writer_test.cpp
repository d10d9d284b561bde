#include "destination/snowflake/encode/value_writer.h"

#include <array>
#include <limits>
#include <nlohmann/json.hpp>

#include "base/random.h"
#include "destination/snowflake/encode/encode_test_support.h"

namespace luge {
namespace {

using Texts = std::vector<std::string>;
using Bytes16 = std::array<std::uint8_t, 16>;

const std::string kNoDate = "! the date lies outside the years 1 to 9999 or is infinite";
const std::string kNoTimestamp = "! the timestamp lies outside the years 1 to 9999 or is infinite";

TEST(ValueWriter, BooleansAndIntegers) {
  EXPECT_EQ(written_values(boolean_column({true, false, std::nullopt})), (Texts{"true", "false", "NULL"}));
  EXPECT_EQ(written_values(fixed_column<std::int16_t>(plain(ValueKind::int16), {INT16_MIN, 0, std::nullopt, INT16_MAX})),
            (Texts{"-32768", "0", "NULL", "32767"}));
  EXPECT_EQ(written_values(fixed_column<std::int32_t>(plain(ValueKind::int32), {INT32_MIN, -1, INT32_MAX})),
            (Texts{"-2147483648", "-1", "2147483647"}));
  EXPECT_EQ(written_values(fixed_column<std::int64_t>(plain(ValueKind::int64), {INT64_MIN, 0, INT64_MAX})),
            (Texts{"-9223372036854775808", "0", "9223372036854775807"}));
  EXPECT_EQ(written_values(fixed_column<std::uint32_t>(plain(ValueKind::uint32), {0, UINT32_MAX})), (Texts{"0", "4294967295"}));
  EXPECT_EQ(written_values(fixed_column<std::uint64_t>(plain(ValueKind::uint64), {0, UINT64_MAX})), (Texts{"0", "18446744073709551615"}));
}

TEST(ValueWriter, Floats) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  const double nan = std::numeric_limits<double>::quiet_NaN();
  EXPECT_EQ(written_values(fixed_column<double>(plain(ValueKind::float64), {1.5, -0.0, nan, -nan, kInfinity, -kInfinity, std::nullopt})),
            (Texts{"1.5e+00", "-0e+00", R"("NaN")", R"("NaN")", R"("inf")", R"("-inf")", "NULL"}));
  EXPECT_EQ(
      written_values(fixed_column<float>(plain(ValueKind::float32), {0.1F, 3.4028235e38F, static_cast<float>(nan), static_cast<float>(-kInfinity)})),
      (Texts{"1e-01", "3.4028235e+38", R"("NaN")", R"("-inf")"}));
}

TEST(ValueWriter, DecimalsAreStrings) {
  const auto bytes = [](std::int64_t value) {
    Bytes16 result{};
    std::memcpy(result.data(), &value, 8);
    if (value < 0) std::memset(result.data() + 8, 0xFF, 8);
    return result;
  };
  EXPECT_EQ(written_values(fixed_column<Bytes16>(decimal(18, 2), {bytes(0), bytes(-5), bytes(1'234'500), std::nullopt})),
            (Texts{R"("0.00")", R"("-0.05")", R"("12345.00")", "NULL"}));
}

TEST(ValueWriter, TextAndBinary) {
  EXPECT_EQ(written_values(bytes_column(plain(ValueKind::text), {"", "a\"b\\c\n", "ü🎈", std::nullopt})),
            (Texts{R"("")", R"("a\"b\\c\n")", R"("ü🎈")", "NULL"}));
  EXPECT_EQ(written_values(bytes_column(plain(ValueKind::binary), {"", std::string("\0\xFF", 2), "foobar", std::nullopt})),
            (Texts{R"("")", R"("AP8=")", R"("Zm9vYmFy")", "NULL"}));
}

TEST(ValueWriter, DatesAndTimes) {
  EXPECT_EQ(written_values(fixed_column<std::int32_t>(
                plain(ValueKind::date), {0, 19'782, -719'162, 2'932'896, std::nullopt, -719'163, 2'932'897, kDateInfinity, -kDateInfinity})),
            (Texts{R"("1970-01-01")", R"("2024-02-29")", R"("0001-01-01")", R"("9999-12-31")", "NULL", kNoDate, kNoDate, kNoDate, kNoDate}));
  EXPECT_EQ(written_values(fixed_column<std::int64_t>(plain(ValueKind::time), {0, 86'399'999'999, 86'400'000'000, std::nullopt})),
            (Texts{R"("00:00:00")", R"("23:59:59.999999")", "! 24:00:00 is no TIME", "NULL"}));
  const auto stamps = [](ValueKind kind) {
    return fixed_column<std::int64_t>(plain(kind), {0, 946'684'800'000'001, std::nullopt, -62'135'596'800'000'001, 253'402'300'800'000'000,
                                                    kTimestampInfinity, -kTimestampInfinity});
  };
  EXPECT_EQ(written_values(stamps(ValueKind::timestamp)),
            (Texts{R"("1970-01-01T00:00:00")", R"("2000-01-01T00:00:00.000001")", "NULL", kNoTimestamp, kNoTimestamp, kNoTimestamp, kNoTimestamp}));
  EXPECT_EQ(written_values(stamps(ValueKind::timestamp_tz)), (Texts{R"("1970-01-01T00:00:00+00:00")", R"("2000-01-01T00:00:00.000001+00:00")", "NULL",
                                                                    kNoTimestamp, kNoTimestamp, kNoTimestamp, kNoTimestamp}));
}

TEST(ValueWriter, WhatOnlyPostgresKnowsIsItsText) {
  ArrowColumn zoned;
  zoned.type = plain(ValueKind::time_tz);
  zoned.children.push_back(fixed_column<std::int64_t>(plain(ValueKind::time), {86'400'000'000, 0, 0}));
  zoned.children.push_back(fixed_column<std::int32_t>(plain(ValueKind::int32), {-27'000, 0, 3600}));
  for (const bool valid : {true, false, true}) count_row(zoned, valid);
  EXPECT_EQ(written_values(zoned), (Texts{R"("24:00:00-07:30")", "NULL", R"("00:00:00+01")"}));

  struct MonthDayNano {
    std::int32_t months = 0, days = 0;
    std::int64_t nanos = 0;
  };
  EXPECT_EQ(written_values(fixed_column<MonthDayNano>(plain(ValueKind::interval), {MonthDayNano{14, -3, 1'000'000}, std::nullopt, MonthDayNano{}})),
            (Texts{R"("1 year 2 mons -3 days +00:00:00.001")", "NULL", R"("00:00:00")"}));
}

TEST(ValueWriter, Uuids) {
  Bytes16 bytes;
  for (unsigned i = 0; i < 16; ++i) bytes[i] = static_cast<std::uint8_t>(i * 17);
  EXPECT_EQ(written_values(fixed_column<Bytes16>(plain(ValueKind::uuid), {bytes, std::nullopt})),
            (Texts{R"("00112233-4455-6677-8899-aabbccddeeff")", "NULL"}));
}

TEST(ValueWriter, JsonIsSplicedInOnOneLine) {
  EXPECT_EQ(written_values(bytes_column(plain(ValueKind::json),
                                        {"{\"a\":\n\r\n [1,\n2]}\n", R"("a\nb")", "null", " 1 ", std::nullopt, R"({"a":1,"a":2})", "1e999", "{"})),
            (Texts{"{\"a\":    [1, 2]} ", R"("a\nb")", "! the JSON is null, which would arrive as the SQL NULL", " 1 ", "NULL",
                   "! an object of the JSON has the same key twice", "! the JSON has a number that VARIANT would round", "! the value is not JSON"}));
}

TEST(ValueWriter, ListsUseTheSameForms) {
  EXPECT_EQ(written_values(
                list_column(fixed_column<std::int32_t>(plain(ValueKind::int32), {1, std::nullopt, 3, std::nullopt}), {2, 0, std::nullopt, 1, 1})),
            (Texts{"[1,null]", "[]", "NULL", "[3]", "[null]"}));
  EXPECT_EQ(written_values(list_column(bytes_column(plain(ValueKind::text), {"a,\"b", "", std::nullopt}), {3})), (Texts{R"(["a,\"b","",null])"}));
  EXPECT_EQ(written_values(list_column(bytes_column(plain(ValueKind::json), {"{\"a\":\n1}", "2", "[3"}), {2, 1})),
            (Texts{R"([{"a": 1},2])", "! the value is not JSON"}));
  EXPECT_EQ(written_values(list_column(fixed_column<std::int32_t>(plain(ValueKind::date), {0, kDateInfinity}), {1, 1})),
            (Texts{R"(["1970-01-01"])", kNoDate}));
  EXPECT_EQ(written_values(
                list_column(bytes_column(plain(ValueKind::text), std::vector<std::optional<std::string>>(1000, std::string(50, 'x'))), {1000}))[0]
                .size(),
            1000U * 53 + 1);
}

TEST(ValueWriter, SizesEndWithSnowflakes) {
  constexpr std::size_t kText = 16 * 1024 * 1024;
  constexpr std::size_t kBinary = kText / 2;
  const auto text = written_values(bytes_column(plain(ValueKind::text), {std::string(kText, 'x'), std::string(kText + 1, 'x')}));
  EXPECT_EQ(text[0].size(), kText + 2);
  EXPECT_EQ(text[1], "! the text is longer than the 16 MB of a VARCHAR");
  const auto binary = written_values(bytes_column(plain(ValueKind::binary), {std::string(kBinary, 'x'), std::string(kBinary + 1, 'x')}));
  EXPECT_EQ(binary[0].size(), (kBinary + 2) / 3 * 4 + 2);
  EXPECT_EQ(binary[1], "! the value is longer than the 8 MB of a BINARY");
  const auto json =
      written_values(bytes_column(plain(ValueKind::json), {"\"" + std::string(kText - 2, 'x') + "\"", "\"" + std::string(kText - 1, 'x') + "\""}));
  EXPECT_EQ(json[0].size(), kText);
  EXPECT_EQ(json[1], "! the JSON is longer than the 16 MB of a VARIANT");
  const auto list =
      written_values(list_column(bytes_column(plain(ValueKind::text), {std::string(kText / 2, 'x'), std::string(kText / 2, 'x')}), {1, 1}));
  EXPECT_EQ(list[0].size(), kText / 2 + 4);
  EXPECT_EQ(written_values(list_column(bytes_column(plain(ValueKind::text), {std::string(kText / 2, 'x'), std::string(kText / 2, 'x')}), {2}))[0],
            "! the array is longer than the 16 MB of an ARRAY");
}

}  // namespace
}  // namespace luge
