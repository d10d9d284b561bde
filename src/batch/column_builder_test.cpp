#include "batch/column_builder.h"

#include <bit>
#include <cmath>
#include <gtest/gtest.h>
#include <limits>
#include <string>
#include <vector>

#include "model/arrow_layout.h"
#include "model/type_mapping.h"

namespace luge {
namespace {

PgType base_type(Oid oid, std::string name, char kind = 'b') {
  PgType type;
  type.oid = oid;
  type.schema = "pg_catalog";
  type.name = std::move(name);
  type.kind = kind;
  return type;
}

PgType array_of(PgType element) {
  PgType type = base_type(element.oid + 100'000, "_" + element.name);
  type.is_array = true;
  type.element = std::make_shared<const PgType>(std::move(element));
  return type;
}

std::unique_ptr<ColumnBuilder> builder_of(const PgType& type, std::int32_t typmod = -1) {
  return make_column_builder(type, typmod, map_type(type, typmod, {}));
}

constexpr std::int32_t numeric_typmod(int precision, int scale) { return ((precision << 16) | (scale & 0x7FF)) + 4; }

ValueView text(std::string_view bytes) { return {ValueState::text, bytes}; }
ValueView binary(std::string_view bytes) { return {ValueState::binary, bytes}; }

/// The column made of these texts, nulls where there is none.
ArrowColumn column_of(ColumnBuilder& builder, const std::vector<const char*>& texts) {
  for (const char* value : texts) {
    if (value == nullptr) {
      builder.append_null();
    } else {
      EXPECT_TRUE(builder.append(text(value))) << value << ": " << builder.misfit();
    }
  }
  ArrowColumn column = builder.finish();
  EXPECT_EQ(layout_fault(column), nullptr);
  EXPECT_EQ(builder.length(), 0U);
  return column;
}

template <class T>
std::vector<T> values_of(const ArrowColumn& column) {
  return {column.values.as<T>(), column.values.as<T>() + column.values.size() / sizeof(T)};
}

template <class T>
std::vector<T> read(const PgType& type, const std::vector<const char*>& texts, std::int32_t typmod = -1) {
  const auto builder = builder_of(type, typmod);
  return values_of<T>(column_of(*builder, texts));
}

void expect_refused(const PgType& type, const std::vector<std::string_view>& texts, std::int32_t typmod = -1) {
  const auto builder = builder_of(type, typmod);
  for (const std::string_view value : texts) {
    EXPECT_FALSE(builder->append(text(value))) << type.name << ": " << value;
    EXPECT_NE(builder->misfit(), "");
    EXPECT_EQ(builder->length(), 0U);
  }
  EXPECT_EQ(layout_fault(builder->finish()), nullptr);
}

void expect_bytes_refused(const PgType& type, const std::vector<std::string>& values, std::int32_t typmod = -1) {
  const auto builder = builder_of(type, typmod);
  for (const std::string& value : values) EXPECT_FALSE(builder->append(binary(value))) << type.name;
  EXPECT_EQ(builder->length(), 0U);
  EXPECT_EQ(layout_fault(builder->finish()), nullptr);
}

const PgType kBoolType = base_type(pg_oid::kBool, "bool");
const PgType kInt2Type = base_type(pg_oid::kInt2, "int2");
const PgType kInt4Type = base_type(pg_oid::kInt4, "int4");
const PgType kTextType = base_type(pg_oid::kText, "text");
const PgType kNumericType = base_type(pg_oid::kNumeric, "numeric");
const PgType kDateType = base_type(pg_oid::kDate, "date");
const PgType kTimestampType = base_type(pg_oid::kTimestamp, "timestamp");
const PgType kTimestamptzType = base_type(pg_oid::kTimestamptz, "timestamptz");
const PgType kIntervalType = base_type(pg_oid::kInterval, "interval");

TEST(ColumnBuilder, Booleans) {
  const auto builder = builder_of(kBoolType);
  const ArrowColumn column = column_of(*builder, {"t", "f", nullptr, "t", "f", "f", "f", "f", "t"});
  EXPECT_EQ(values_of<std::uint8_t>(column), (std::vector<std::uint8_t>{0b00001001, 0b1}));
  EXPECT_EQ(column.null_count, 1U);
  EXPECT_TRUE(column.is_null(2));
  expect_refused(kBoolType, {"", "true", "T", "1"});
  expect_bytes_refused(kBoolType, {"", "\2", "tt"});
}

TEST(ColumnBuilder, Integers) {
  EXPECT_EQ(read<std::int16_t>(kInt2Type, {"32767", "-32768"}), (std::vector<std::int16_t>{INT16_MAX, INT16_MIN}));
  EXPECT_EQ(read<std::uint32_t>(base_type(pg_oid::kOid, "oid"), {"4294967295"}), (std::vector<std::uint32_t>{UINT32_MAX}));
  EXPECT_EQ(read<std::uint64_t>(base_type(pg_oid::kXid8, "xid8"), {"18446744073709551615"}), (std::vector<std::uint64_t>{UINT64_MAX}));
  expect_refused(kInt2Type, {"", "32768", "1 ", "+1", "1.0", "x", "0x1"});
  expect_refused(base_type(pg_oid::kOid, "oid"), {"-1", "4294967296"});
  expect_bytes_refused(kInt4Type, {"", "abc", "abcde"});
}

TEST(ColumnBuilder, Floats) {
  const PgType float8 = base_type(pg_oid::kFloat8, "float8");
  const auto doubles = read<double>(float8, {"0.1", "-0", "NaN", "Infinity", "-Infinity", "5e-324", "1.7976931348623157e+308"});
  EXPECT_EQ(doubles[0], 0.1);
  EXPECT_TRUE(std::signbit(doubles[1]));
  EXPECT_TRUE(std::isnan(doubles[2]));
  EXPECT_EQ(doubles[3], std::numeric_limits<double>::infinity());
  EXPECT_EQ(doubles[4], -std::numeric_limits<double>::infinity());
  EXPECT_EQ(doubles[5], std::numeric_limits<double>::denorm_min());
  EXPECT_EQ(doubles[6], std::numeric_limits<double>::max());
  expect_refused(float8, {"", "inf", "nan", "1e400", "1,5", " 1", "0x1p3"});
}

TEST(ColumnBuilder, DecimalsAreExactOrRefused) {
  __extension__ using Int128 = __int128;
  const auto money = read<Int128>(kNumericType, {"0", "0.01", "-12345.60", "9999999999999999.99", "1"}, numeric_typmod(18, 2));
  EXPECT_EQ(static_cast<std::int64_t>(money[1]), 1);
  EXPECT_EQ(static_cast<std::int64_t>(money[2]), -1234560);
  EXPECT_EQ(static_cast<std::int64_t>(money[3]), 999999999999999999);
  EXPECT_EQ(static_cast<std::int64_t>(money[4]), 100);
  const auto widest = read<Int128>(kNumericType, {"99999999999999999999999999999999999999"}, numeric_typmod(38, 0));
  EXPECT_EQ(static_cast<std::uint64_t>(widest[0] % 1000000000000), 999999999999U);
  EXPECT_EQ(static_cast<std::uint64_t>(widest[0] >> 96), 0x4B3B4CA8U);
  const auto rounded = read<Int128>(kNumericType, {"9999900"}, numeric_typmod(5, -2));
  EXPECT_EQ(static_cast<std::int64_t>(rounded[0]), 9999900);
  const auto tiny = read<Int128>(kNumericType, {"0.00999"}, numeric_typmod(3, 5));
  EXPECT_EQ(static_cast<std::int64_t>(tiny[0]), 999);
  // Trailing zeros beyond the scale lose nothing.
  EXPECT_EQ(static_cast<std::int64_t>(read<Int128>(kNumericType, {"1.500"}, numeric_typmod(18, 2))[0]), 150);
  expect_refused(kNumericType, {"NaN", "Infinity", "-Infinity", "0.001", "10000000000000000", "1e5", "", "-", ".", "1.", ".5", "--1", "1a"},
                 numeric_typmod(18, 2));
  expect_refused(
      kNumericType,
      {"100000000000000000000000000000000000000", "999999999999999999999999999999999999999", "1000000000000000000000000000000000000000000"},
      numeric_typmod(38, 0));
}

TEST(ColumnBuilder, DecimalsRefuseMalformedBytes) {
  const std::string one("\0\1\0\0\0\0\0\0\0\1", 10);
  const auto builder = builder_of(kNumericType, numeric_typmod(18, 2));
  EXPECT_TRUE(builder->append(binary(one)));
  const std::string digit_too_large("\0\1\0\0\0\0\0\0\x27\x10", 10);
  const std::string unknown_sign("\0\1\0\0\1\0\0\0\0\1", 10);
  const std::string too_fine("\0\1\xFF\xFF\0\0\0\4\0\1", 10);
  const std::string too_large("\0\1\0\x28\0\0\0\0\0\1", 10);
  expect_bytes_refused(kNumericType, {"", one.substr(0, 9), one + '\0', digit_too_large, unknown_sign, too_fine, too_large}, numeric_typmod(18, 2));
  expect_bytes_refused(kNumericType, {"", one.substr(0, 9), one + '\0', digit_too_large, unknown_sign});
}

TEST(ColumnBuilder, TextIsCheckedForUtf8) {
  const auto builder = builder_of(kTextType);
  const ArrowColumn column = column_of(*builder, {"", "abc", nullptr, "ünï ☃ 🎈"});
  EXPECT_EQ(std::string(column.values.as<char>(), column.values.size()), "abcünï ☃ 🎈");
  EXPECT_TRUE(column.is_null(2));
  EXPECT_FALSE(column.is_null(0));
  expect_refused(kTextType, {"\x80", "\xC0\x80", "\xC3", "12345678\xFF", "\xED\xA0\x80", "\xF4\x90\x80\x80", "\xE0\x80\x80", "\xF0\x80\x80\x80",
                             "caf\xE9 au lait"});
}

TEST(ColumnBuilder, JsonbDropsItsVersion) {
  const PgType jsonb = base_type(pg_oid::kJsonb, "jsonb");
  const auto builder = builder_of(jsonb);
  EXPECT_TRUE(builder->append(binary("\1{\"a\": 1}")));
  EXPECT_EQ(builder->finish().values.size(), 8U);
  expect_bytes_refused(jsonb, {"", "\2{}", "{}"});
}

TEST(ColumnBuilder, ByteaTextIsHexadecimalOnly) {
  const PgType bytea = base_type(pg_oid::kBytea, "bytea");
  EXPECT_EQ(read<std::uint8_t>(bytea, {"\\x", "\\x00ffAb"}), (std::vector<std::uint8_t>{0, 0xFF, 0xAB}));
  expect_refused(bytea, {"", "abc", "\\000", "\\x0", "\\x0g", "\\X00"});
}

TEST(ColumnBuilder, Dates) {
  EXPECT_EQ(read<std::int32_t>(kDateType, {"1970-01-01", "2000-01-01", "1969-12-31", "2024-02-29", "0001-12-31 BC", "infinity", "-infinity",
                                           "5874897-12-31", "4713-01-01 BC"}),
            (std::vector<std::int32_t>{0, 10957, -1, 19782, -719163, kDateInfinity, -kDateInfinity, 2145042905, -2440550}));
  expect_refused(kDateType, {"", "2024-2-29", "01/02/2024", "2024-02-29 AD", "2024-13-01", "2024-00-01", "2024-01-32", "0000-01-01", "2024-02-29 ",
                             "+infinity", "5881580-07-12"});
  const auto builder = builder_of(kDateType);
  EXPECT_TRUE(builder->append(binary(std::string("\x7F\xFF\xFF\xFF", 4))));
  EXPECT_TRUE(builder->append(binary(std::string("\x80\0\0\0", 4))));
  EXPECT_TRUE(builder->append(binary(std::string("\0\0\0\0", 4))));
  EXPECT_EQ(values_of<std::int32_t>(builder->finish()), (std::vector<std::int32_t>{kDateInfinity, -kDateInfinity, 10957}));
}

TEST(ColumnBuilder, Timestamps) {
  EXPECT_EQ(read<std::int64_t>(kTimestampType, {"1970-01-01 00:00:00", "2000-01-01 00:00:00.5", "1969-12-31 23:59:59.999999", "infinity", "-infinity",
                                                "0001-12-31 00:00:00 BC", "294247-01-10 04:00:54.775806"}),
            (std::vector<std::int64_t>{0, 946684800500000, -1, kTimestampInfinity, -kTimestampInfinity, -719163 * std::int64_t{86400000000},
                                       INT64_MAX - 1}));
  EXPECT_EQ(read<std::int64_t>(kTimestamptzType, {"1970-01-01 00:00:00+00", "1970-01-01 05:30:00+05:30", "1970-01-01 00:00:00-00:00:01"}),
            (std::vector<std::int64_t>{0, 0, 1000000}));
  // One more would be the sentinel of infinity, the last one overflows.
  expect_refused(kTimestampType,
                 {"294247-01-10 04:00:54.775807", "294247-01-10 04:00:54.775808", "294276-12-31 23:59:59.999999", "1970-01-01", "1970-01-01T00:00:00",
                  "1970-01-01 24:00:00", "1970-01-01 00:60:00", "1970-01-01 00:00:00+00", "1970-01-01 00:00:00.1234567", "1970-01-01 00:00:00.", ""});
  expect_refused(kTimestamptzType, {"1970-01-01 00:00:00", "1970-01-01 00:00:00+0", "1970-01-01 00:00:00Z", "1970-01-01 00:00:00+00:61"});
}

TEST(ColumnBuilder, Times) {
  const PgType time = base_type(pg_oid::kTime, "time");
  EXPECT_EQ(read<std::int64_t>(time, {"00:00:00", "24:00:00", "23:59:59.999999", "04:05:06.7"}),
            (std::vector<std::int64_t>{0, 86400000000, 86399999999, 14706700000}));
  expect_refused(time, {"24:00:00.000001", "25:00:00", "1:00:00", "00:00", "00:00:60", "-01:00:00"});
  expect_bytes_refused(time, {std::string(7, '\0'), std::string(8, '\xFF'), std::string("\0\0\0\x14\x1D\xD7\x60\1", 8)});
}

TEST(ColumnBuilder, TimesWithZoneCountEastInTextAndWestInBytes) {
  const PgType timetz = base_type(pg_oid::kTimetz, "timetz");
  const auto builder = builder_of(timetz);
  EXPECT_TRUE(builder->append(text("00:00:01+01:02:03")));
  builder->append_null();
  EXPECT_TRUE(builder->append(binary(std::string("\0\0\0\0\0\x0F\x42\x40\xFF\xFF\xF1\x75", 12))));  // -3723 west
  EXPECT_TRUE(builder->append(text("24:00:00-15:59:59")));
  const ArrowColumn column = builder->finish();
  ASSERT_EQ(layout_fault(column), nullptr);
  EXPECT_EQ(values_of<std::int64_t>(column.children[0]), (std::vector<std::int64_t>{1000000, 0, 1000000, 86400000000}));
  EXPECT_EQ(values_of<std::int32_t>(column.children[1]), (std::vector<std::int32_t>{3723, 0, 3723, -57599}));
  expect_refused(timetz, {"00:00:00", "00:00:00+", "00:00:00+1", "00:00:00+01:60"});
}

struct MonthDayNano {
  std::int32_t months;
  std::int32_t days;
  std::int64_t nanos;
  friend bool operator==(const MonthDayNano&, const MonthDayNano&) = default;
};

TEST(ColumnBuilder, IntervalsKeepTheirThreeParts) {
  EXPECT_EQ(
      read<MonthDayNano>(kIntervalType, {"00:00:00", "1 year 2 mons 3 days 04:05:06.789", "-1 years -2 mons +3 days -04:05:06.789", "1 mon",
                                         "-1 days", "-00:00:00.000001", "2562047:47:16.854775", "-2562047:47:16.854775", "-178956970 years -8 mons"}),
      (std::vector<MonthDayNano>{{0, 0, 0},
                                 {14, 3, 14706789000000},
                                 {-14, 3, -14706789000000},
                                 {1, 0, 0},
                                 {0, -1, 0},
                                 {0, 0, -1000},
                                 {0, 0, 9223372036854775000},
                                 {0, 0, -9223372036854775000},
                                 {INT32_MIN, 0, 0}}));
  expect_refused(kIntervalType,
                 {"infinity", "-infinity", "2562047:47:16.854776", "-2562047:47:16.854776", "2562047788:00:54.775807", "99999999999:00:00", "P1Y",
                  "@ 1 year", "", "1 day 1 year", "1 year 1 year", "00:00:00 1 day", "1", "1 week", "1 year ", " 1 year", "178956971 years"});
  // All fields at their ends are infinite, one alone is not.
  const std::string infinity("\x7F\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x7F\xFF\xFF\xFF\x7F\xFF\xFF\xFF", 16);
  expect_bytes_refused(kIntervalType, {infinity, infinity.substr(1), std::string("\x80\0\0\0\0\0\0\0\x80\0\0\0\x80\0\0\0", 16)});
  EXPECT_TRUE(builder_of(kIntervalType)->append(binary(std::string(8, '\0') + infinity.substr(8))));
}

TEST(ColumnBuilder, Uuids) {
  const PgType uuid = base_type(pg_oid::kUuid, "uuid");
  const auto bytes = read<std::uint8_t>(uuid, {"a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"});
  EXPECT_EQ(bytes.front(), 0xA0);
  EXPECT_EQ(bytes.back(), 0x11);
  expect_refused(uuid, {"", "a0eebc999c0b4ef8bb6d6bb9bd380a11", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a1g", "a0eebc99 9c0b-4ef8-bb6d-6bb9bd380a11",
                        "{a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11}"});
}

TEST(ColumnBuilder, ListsKeepNullsAndEmptiness) {
  const PgType texts = array_of(kTextType);
  const auto builder = builder_of(texts);
  const ArrowColumn column = column_of(*builder, {"{}", nullptr, "{a,NULL,\"NULL\",\"\"}", "{\"a \\\"b\\\" \\\\ {c}\",null}"});
  EXPECT_EQ((std::vector<std::int32_t>{column.offsets.as<std::int32_t>(), column.offsets.as<std::int32_t>() + 5}),
            (std::vector<std::int32_t>{0, 0, 0, 4, 6}));
  const ArrowColumn& child = column.children.front();
  EXPECT_EQ(child.null_count, 1U);
  EXPECT_TRUE(child.is_null(1));
  EXPECT_EQ(std::string(child.values.as<char>(), child.values.size()), "aNULLa \"b\" \\ {c}null");
  expect_refused(texts, {"", "{", "}", "{a", "a}", "{a,}", "{,a}", "{\"a}", "{\"a\"b}", "{\"a\\", "{\"a\\\"}", "{a\"b\"}", "{{a},{b}}", "{{}}",
                         "[0:1]={a,b}", "[1:1][1:1]={{a}}", "{a}b"});
}

TEST(ColumnBuilder, ListsReadTheirHeader) {
  const PgType ints = array_of(kInt4Type);
  const auto header = [](char dimensions, char count, char lower) {
    return std::string("\0\0\0", 3) + dimensions + std::string("\0\0\0\0\0\0\0\x17\0\0\0", 11) + count + std::string("\0\0\0", 3) + lower;
  };
  const std::string one("\0\0\0\4\0\0\0\7", 8);
  const std::string null("\xFF\xFF\xFF\xFF", 4);
  const auto builder = builder_of(ints);
  EXPECT_TRUE(builder->append(binary(header(1, 2, 1) + one + null)));
  EXPECT_TRUE(builder->append(binary(std::string("\0\0\0\0\0\0\0\0\0\0\0\x17", 12))));
  const ArrowColumn column = builder->finish();
  EXPECT_EQ(layout_fault(column), nullptr);
  EXPECT_EQ(column.children.front().length, 2U);
  expect_bytes_refused(ints, {"", header(1, 1, 0) + one, header(2, 1, 1) + one, header(1, 2, 1) + one, header(1, 1, 1) + one + one,
                              header(1, 1, 1) + one.substr(0, 7), header(1, 1, 1) + std::string("\0\0\0\3\0\0\0", 7), header(1, 1, 1),
                              header(1, 1, 1) + std::string("\xFF\xFF\xFF\xFE", 4), header('\xFF', 1, 1)});
}

TEST(ColumnBuilder, AMisfitInTheMiddleOfAListLeavesNoTrace) {
  const auto builder = builder_of(array_of(kInt4Type));
  EXPECT_TRUE(builder->append(text("{1,2}")));
  EXPECT_FALSE(builder->append(text("{3,NULL,x}")));
  EXPECT_TRUE(builder->append(text("{4}")));
  const ArrowColumn column = builder->finish();
  EXPECT_EQ(layout_fault(column), nullptr);
  EXPECT_EQ(values_of<std::int32_t>(column.children.front()), (std::vector<std::int32_t>{1, 2, 4}));
}

TEST(ColumnBuilder, DomainsAreReadAsTheirBaseWithTheirOwnModifier) {
  PgType price = base_type(20'001, "price", 'd');
  price.base = std::make_shared<const PgType>(kNumericType);
  price.domain_typmod = numeric_typmod(10, 2);
  EXPECT_EQ(to_string(map_type(price, -1, {})), "decimal(10,2)");
  EXPECT_EQ(to_string(map_type(array_of(price), -1, {})), "list<decimal(10,2)>");
  EXPECT_TRUE(builder_of(price)->append(text("1.25")));
  EXPECT_TRUE(builder_of(array_of(price))->append(text("{1.25}")));
  EXPECT_TRUE(has_binary_reader(price, -1, map_type(price, -1, {})));
}

TEST(ColumnBuilder, TypesOfColumnsForcedToTextAreReadAsTextOnly) {
  const ValueType as_text{ValueKind::text, 0, 0, nullptr};
  EXPECT_FALSE(has_binary_reader(kInt4Type, -1, as_text));
  EXPECT_TRUE(has_binary_reader(kNumericType, -1, as_text));
  EXPECT_TRUE(has_binary_reader(base_type(pg_oid::kJsonb, "jsonb"), -1, as_text));
  PgType without_send = kTextType;
  without_send.has_send = false;
  EXPECT_FALSE(has_binary_reader(without_send, -1, as_text));
  const auto builder = make_column_builder(kInt4Type, -1, as_text);
  EXPECT_TRUE(builder->append(text("12")));
  EXPECT_FALSE(builder->append(binary(std::string("\0\0\0\1", 4))));
}

TEST(ColumnBuilder, NullsCutsAndReuseKeepTheLayoutOfEveryType) {
  struct Sample {
    PgType type;
    std::int32_t typmod;
    const char* good;
    const char* bad;
  };
  const std::vector<Sample> samples = {{kBoolType, -1, "t", "x"},
                                       {kInt4Type, -1, "7", "x"},
                                       {kNumericType, numeric_typmod(18, 2), "1.25", "NaN"},
                                       {kTextType, -1, "some text", "\xFF"},
                                       {kDateType, -1, "2024-02-29", "x"},
                                       {kIntervalType, -1, "1 mon", "x"},
                                       {base_type(pg_oid::kTimetz, "timetz"), -1, "01:02:03+01", "x"},
                                       {base_type(pg_oid::kUuid, "uuid"), -1, "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", "x"},
                                       {base_type(pg_oid::kBytea, "bytea"), -1, "\\x0102", "x"},
                                       {array_of(kBoolType), -1, "{t,NULL,f}", "{x}"},
                                       {array_of(kTextType), -1, "{a,NULL,bcd}", "{{a}}"}};
  for (const Sample& sample : samples) {
    SCOPED_TRACE(sample.type.name);
    const auto builder = builder_of(sample.type, sample.typmod);
    std::uint32_t dice = 7;
    for (int round = 0; round < 3; ++round) {
      for (int step = 0; step < 400; ++step) {
        dice = dice * 1664525U + 1013904223U;
        const std::size_t length = builder->length();
        switch (dice >> 29) {
          case 0: builder->append_null(); break;
          case 1: EXPECT_TRUE(builder->append({ValueState::unchanged, {}})); break;
          case 2:
            EXPECT_FALSE(builder->append(text(sample.bad)));
            EXPECT_EQ(builder->length(), length);
            break;
          case 3: builder->truncate(length - std::min<std::size_t>(length, (dice >> 20) & 15)); break;
          default: EXPECT_TRUE(builder->append(text(sample.good))); break;
        }
      }
      const std::size_t length = builder->length();
      const std::size_t bytes = builder->bytes();
      const ArrowColumn column = builder->finish();
      EXPECT_EQ(column.length, length);
      EXPECT_EQ(column.bytes(), bytes);
      EXPECT_EQ(layout_fault(column), nullptr);
      EXPECT_EQ(column.type, map_type(sample.type, sample.typmod, {}));
    }
  }
}

}  // namespace
}  // namespace luge
