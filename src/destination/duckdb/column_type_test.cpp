#include "destination/duckdb/column_type.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <limits>

#include "destination/duckdb/mirror_test_support.h"

namespace luge::mirror_test {
namespace {

using ::testing::ElementsAre;

class ColumnTypeTest : public MirrorTest {
 protected:
  /// What DuckDB shows of values that came by a copy, by a change, and by a second change that does not carry them.
  void expect_text(ValueType type, const std::vector<Value>& values, const std::vector<std::string>& texts) {
    destination_.reset();
    std::filesystem::remove(options_.path);
    open();
    ColumnSchema v = column("v", 2, type.kind);
    v.value = type;
    const auto schema = shape(1, {"public", "t"}, {column("id", 1, ValueKind::int64), v, column("touched", 3, ValueKind::int64)}, {0});
    ChunkMaker copied(schema);
    ChunkMaker inserted(schema);
    ChunkMaker updated(schema);
    for (std::size_t i = 0; i < values.size(); ++i) {
      const auto id = static_cast<std::int64_t>(i);
      copied.copied({n(id), values[i], kNull});
      inserted.row(RowOp::insert, {n(id + 1000), values[i], kNull}, 100, i);
      updated.row(RowOp::update, {n(id), kAbsent, n(1)}, 200, i);
    }
    std::vector<TableChunk> chunks;
    chunks.push_back(copied.take());
    make_table(schema, std::move(chunks));
    apply_ops(100, live(inserted.take()));
    apply_ops(200, live(updated.take()));
    EXPECT_EQ(query("SELECT v FROM public.t WHERE touched = 1 ORDER BY id"), texts) << to_string(type);
    EXPECT_EQ(query("SELECT v FROM public.t WHERE touched IS NULL ORDER BY id"), texts) << to_string(type);
    EXPECT_THAT(query("SELECT data_type FROM duckdb_columns() WHERE schema_name = 'public' AND table_name = 't' AND column_name = 'v'"),
                ElementsAre(type_text(type)));
    // The same values as those of a table without a key: found again by themselves.
    const auto keyless = shape(2, {"public", "k"}, {v}, {});
    ChunkMaker in(keyless);
    ChunkMaker out(keyless);
    for (std::size_t i = 0; i < values.size(); ++i) {
      in.row(RowOp::insert, {values[i]}, 300, i).row(RowOp::insert, {values[i]}, 300, i);
      out.row(RowOp::remove, {values[i]}, 400, i);
    }
    make_table(keyless);
    apply_ops(300, live(in.take()));
    const Frontier frontier = apply_ops(400, live(out.take()));
    EXPECT_TRUE(frontier.tables.empty()) << to_string(type);
    EXPECT_THAT(query("SELECT count(*) FROM public.k"), ElementsAre(std::to_string(values.size())));
  }
  static std::string type_text(const ValueType& type) {
    if (type.kind == ValueKind::timestamp_tz) return "TIMESTAMP WITH TIME ZONE";
    if (type.kind == ValueKind::time_tz) return "TIME WITH TIME ZONE";
    return duckdb_type_name(type);
  }
};

TEST_F(ColumnTypeTest, every_kind_arrives_as_it_is) {
  const auto type = [](ValueKind kind, std::uint8_t precision = 0, std::uint8_t scale = 0) { return ValueType{kind, precision, scale, nullptr}; };
  expect_text(type(ValueKind::boolean), {n(1), n(0), kNull}, {"true", "false", "NULL"});
  expect_text(type(ValueKind::int16), {n(-32768), n(32767), kNull}, {"-32768", "32767", "NULL"});
  expect_text(type(ValueKind::int32), {n(INT32_MIN), n(INT32_MAX)}, {"-2147483648", "2147483647"});
  expect_text(type(ValueKind::int64), {n(INT64_MIN), n(INT64_MAX)}, {"-9223372036854775808", "9223372036854775807"});
  expect_text(type(ValueKind::uint32), {n(4294967295)}, {"4294967295"});
  expect_text(type(ValueKind::uint64), {n(-1)}, {"18446744073709551615"});
  expect_text(type(ValueKind::float32), {1.5, std::numeric_limits<double>::infinity(), std::numeric_limits<double>::quiet_NaN()},
              {"1.5", "inf", "nan"});
  expect_text(type(ValueKind::float64), {0.1, -std::numeric_limits<double>::infinity(), std::numeric_limits<double>::quiet_NaN(), 5e-324},
              {"0.1", "-inf", "nan", "5e-324"});
  expect_text(type(ValueKind::decimal, 4, 2), {n(-9999), n(5), kNull}, {"-99.99", "0.05", "NULL"});
  expect_text(type(ValueKind::decimal, 9, 0), {n(-999'999'999)}, {"-999999999"});
  expect_text(type(ValueKind::decimal, 18, 18), {n(-999'999'999'999'999'999)}, {"-.999999999999999999"});
  expect_text(type(ValueKind::decimal, 38, 1), {n(INT64_MIN), n(7)}, {"-922337203685477580.8", "0.7"});
  expect_text(type(ValueKind::text), {s(""), s("twelve bytes"), s("thirteen byte"), kNull, s("gr\xc3\xbc\xc3\x9f")},
              {"", "twelve bytes", "thirteen byte", "NULL", "gr\xc3\xbc\xc3\x9f"});
  expect_text(type(ValueKind::json), {s("{\"a\": 1.10, \"a\":2}"), s("not even json")}, {"{\"a\": 1.10, \"a\":2}", "not even json"});
  expect_text(type(ValueKind::binary), {s(std::string("\0\1\2\3\4\5\6\7\10\11\12\13\14\15", 14)), s("")},
              {"\\x00\\x01\\x02\\x03\\x04\\x05\\x06\\x07\\x08\\x09\\x0A\\x0B\\x0C\\x0D", ""});
  expect_text(type(ValueKind::date), {n(0), n(kDateInfinity), n(-kDateInfinity), n(-2'440'588)},
              {"1970-01-01", "infinity", "-infinity", "4714-11-24 (BC)"});
  expect_text(type(ValueKind::time), {n(0), n(86'400'000'000), n(1)}, {"00:00:00", "24:00:00", "00:00:00.000001"});
  expect_text(type(ValueKind::time_tz), {n(0), n(57'599), n(-57'599), kNull}, {"12:00:00+00", "12:00:00+15:59:59", "12:00:00-15:59:59", "NULL"});
  expect_text(type(ValueKind::timestamp), {n(0), n(kTimestampInfinity), n(-kTimestampInfinity), n(-1)},
              {"1970-01-01 00:00:00", "infinity", "-infinity", "1969-12-31 23:59:59.999999"});
  expect_text(type(ValueKind::timestamp_tz), {n(0), n(kTimestampInfinity), n(-62'135'596'800'000'001)},
              {"1970-01-01 00:00:00+00", "infinity", "0001-12-31 (BC) 23:59:59.999999+00"});
  expect_text(type(ValueKind::interval), {n(1'000), n(30), n(14'003)}, {"1 month", "30 days", "1 year 2 months 3 days"});
  expect_text(type(ValueKind::uuid), {s("0123456789abcdef"), s("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"), kNull},
              {"30313233-3435-3637-3839-616263646566", "ffffffff-ffff-ffff-ffff-ffffffffffff", "NULL"});
  ValueType list = type(ValueKind::list);
  list.element = std::make_shared<ValueType>(type(ValueKind::int32));
  using List = std::vector<std::optional<std::int64_t>>;
  expect_text(list, {List{1, std::nullopt, 3}, List{}, kNull, List{7}}, {"[1, NULL, 3]", "[]", "NULL", "[7]"});
  list.element = std::make_shared<ValueType>(type(ValueKind::decimal, 6, 2));
  expect_text(list, {List{125, -5}, kNull, List{0}}, {"[1.25, -0.05]", "NULL", "[0.00]"});
}

TEST(Widening, keeps_every_value) {
  const auto type = [](ValueKind kind, std::uint8_t precision = 0, std::uint8_t scale = 0) { return ValueType{kind, precision, scale, nullptr}; };
  EXPECT_TRUE(widens(type(ValueKind::int16), type(ValueKind::int64)));
  EXPECT_FALSE(widens(type(ValueKind::int64), type(ValueKind::int32)));
  EXPECT_TRUE(widens(type(ValueKind::decimal, 10, 2), type(ValueKind::decimal, 12, 4)));
  EXPECT_FALSE(widens(type(ValueKind::decimal, 10, 2), type(ValueKind::decimal, 12, 5)));
  EXPECT_FALSE(widens(type(ValueKind::decimal, 10, 2), type(ValueKind::decimal, 12, 1)));
  EXPECT_TRUE(widens(type(ValueKind::int32), type(ValueKind::decimal, 12, 2)));
  EXPECT_FALSE(widens(type(ValueKind::int32), type(ValueKind::decimal, 11, 2)));
  EXPECT_TRUE(widens(type(ValueKind::json), type(ValueKind::text)));
  EXPECT_FALSE(widens(type(ValueKind::timestamp_tz), type(ValueKind::text)));
  EXPECT_FALSE(widens(type(ValueKind::int64), type(ValueKind::float64)));
}

}  // namespace
}  // namespace luge::mirror_test
