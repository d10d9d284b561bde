#include <bit>
#include <charconv>
#include <cstring>
#include <gtest/gtest.h>

#include "app/snowflake/snowflake_session.h"
#include "app/verify/table_comparison.h"
#include "base/random.h"
#include "destination/snowflake/ddl/identifier.h"
#include "destination/snowflake/encode/snowflake_type.h"
#include "model/type_mapping.h"
#include "postgres/sql_quoting.h"
#include "source/catalog_reader.h"
#include "support/snowflake_emulator.h"
#include "support/temp_postgres.h"

namespace luge {
namespace {

/// The mirror's side through the SQL API.
struct SqlApiReader final : ReadHandle {
  explicit SqlApiReader(const SnowflakeEmulator& emulator) {
    SnowflakeOptions options;
    options.url = emulator.url();
    options.account = emulator.account();
    options.user = emulator.user();
    options.private_key_file = emulator.private_key_file();
    auto opened = SnowflakeSession::open(options);
    EXPECT_TRUE(opened);
    session = std::move(*opened);
  }
  Status query(std::string_view sql, const OnColumns& on_columns, const OnRow& on_row) override {
    SqlStatement statement;
    statement.text = std::string(sql);
    TRY(const SqlResult result, session->sql().run(statement));
    on_columns({});
    for (const Row& row : result.rows) on_row(row);
    return ok();
  }
  std::unique_ptr<SnowflakeSession> session;
};

/// A value as PostgreSQL reads it, and as luge writes it into a row for Snowflake (ValueWriter); nullptr: NULL.
struct Sample {
  const char* literal;
  const char* sent;
};

struct SnowflakeComparisonTest : testing::Test {
  /// The sent JSON as SQL of the column's type.
  static std::string stored(const char* sent, const ValueType& value) {
    if (sent == nullptr) return "NULL";
    std::string text(sent);
    if (value.kind == ValueKind::json) return "PARSE_JSON(" + snowflake_literal(text) + ")";
    if (value.kind == ValueKind::list) return "PARSE_JSON(" + snowflake_literal(text) + ")::ARRAY";
    if (text.starts_with('"')) text = text.substr(1, text.size() - 2);
    if (value.kind == ValueKind::binary) return "TO_BINARY(" + snowflake_literal(text) + ", 'BASE64')";
    return snowflake_literal(text) + "::" + snowflake_type(value);
  }

  ComparedTable make(const std::string& type, const std::vector<Sample>& samples) {
    server.run("DROP TABLE IF EXISTS t; CREATE TABLE t (id int PRIMARY KEY, v " + type + ")", database);
    CatalogReader catalog(source, "none");
    const auto tables = catalog.list_tables();
    EXPECT_TRUE(tables && tables->size() == 1U);
    const CatalogColumn& id = tables->front().columns[0];
    const CatalogColumn& v = tables->front().columns[1];
    ComparedTable table;
    table.mirror = MirrorKind::snowflake;
    table.source_relation = "public.t";
    table.mirror_relation = "\"DB\".\"PUBLIC\".\"T\"";
    table.columns = {{"id", "ID", id.type, map_type(*id.type, id.typmod, {}), true}, {"v", "V", v.type, map_type(*v.type, v.typmod, {}), false}};
    const ValueType& value = table.columns[1].value;
    std::string rows;
    std::string mirror;
    for (std::size_t i = 0; i < samples.size(); ++i) {
      const std::string key = std::to_string(i);
      rows += (rows.empty() ? "(" : ", (") + key + ", " + (samples[i].literal == nullptr ? "NULL" : quote_literal(samples[i].literal) + "::" + type) +
              ")";
      mirror += (mirror.empty() ? "SELECT " : " UNION ALL SELECT ") + key + ", " + stored(samples[i].sent, value);
    }
    if (!rows.empty()) server.run("INSERT INTO t VALUES " + rows, database);
    emulator.sql("CREATE OR REPLACE TABLE T (ID NUMBER(38,0), V " + snowflake_type(value) + ")");
    if (!mirror.empty()) emulator.sql("INSERT INTO T " + mirror);
    return table;
  }
  TableComparison compare(const ComparedTable& table) {
    TableComparison result;
    const Status compared = compare_table(source, reader, table, 100, result);
    EXPECT_TRUE(compared) << compared.error().message();
    return result;
  }
  static std::string keys_of(const TableComparison& result) {
    std::string keys;
    for (const RowDifference& difference : result.differences) keys += std::string(to_string(difference.kind)) + " " + difference.key + "; ";
    return keys;
  }
  void expect_equal(const std::string& type, std::vector<Sample> samples) {
    samples.push_back({nullptr, nullptr});
    const ComparedTable table = make(type, samples);
    const TableComparison result = compare(table);
    EXPECT_EQ(result.outcome, TableComparison::Outcome::equal) << type << ": " << keys_of(result);
    EXPECT_EQ(result.mirror.rows, samples.size()) << type;
    // Each value is told from each other one: shifted by one row, all rows differ.
    emulator.sql("UPDATE T SET ID = MOD(ID + 1, " + std::to_string(samples.size()) + ")");
    EXPECT_EQ(compare(table).differences.size(), samples.size()) << type;
  }

  TempPostgres& server = TempPostgres::shared();
  SnowflakeEmulator& emulator = SnowflakeEmulator::shared();
  std::string database = server.create_database();
  Connection source = [this] {
    Connection connection = server.connect(database);
    EXPECT_TRUE(connection.exec("SET jit = off"));  // as SourceSnapshot does
    return connection;
  }();
  SqlApiReader reader{emulator};
};

TEST_F(SnowflakeComparisonTest, Scalars) {
  expect_equal("bool", {{"t", "true"}, {"f", "false"}});
  expect_equal("int2", {{"-32768", "-32768"}, {"32767", "32767"}, {"0", "0"}});
  expect_equal("int8", {{"-9223372036854775808", "-9223372036854775808"}, {"9223372036854775807", "9223372036854775807"}});
  expect_equal("oid", {{"4294967295", "4294967295"}, {"0", "0"}});
  expect_equal("numeric(5,5)", {{"0.5", "\"0.50000\""}, {"-0.00012", "\"-0.00012\""}, {"0", "\"0.00000\""}});
  expect_equal("numeric(38,2)", {{"123456789012345678901234567890123456.78", "\"123456789012345678901234567890123456.78\""}, {"-1", "\"-1.00\""}});
  expect_equal("numeric(38,38)", {{"0.00000000000000000000000000000000000001", "\"0.00000000000000000000000000000000000001\""}});
  expect_equal("numeric", {{"1e100",
                            "\"1"
                            "0000000000"
                            "0000000000"
                            "0000000000"
                            "0000000000"
                            "0000000000"
                            "0000000000"
                            "0000000000"
                            "0000000000"
                            "0000000000"
                            "0000000000\""},
                           {"NaN", "\"NaN\""},
                           {"1.10", "\"1.10\""}});
  expect_equal("text", {{"", "\"\""}, {"å€😀", "\"å€😀\""}, {"a'b\\c\nd", "\"a'b\\c\nd\""}, {"N", "\"N\""}, {" ", "\" \""}});
  expect_equal("char(5)", {{"ab", "\"ab   \""}, {"     ", "\"     \""}});
  expect_equal("bytea", {{"\\xdeadbeef", "\"3q2+7w==\""}, {"\\x", "\"\""}, {"\\x00", "\"AA==\""}});
  expect_equal("uuid", {{"A0EEBC99-9c0b-4ef8-bb6d-6bb9bd380a11", "\"a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11\""}});
  expect_equal("inet", {{"10.0.0.1/8", "\"10.0.0.1/8\""}});
}

TEST_F(SnowflakeComparisonTest, DatesAndTimes) {
  expect_equal("date", {{"0001-01-01", "\"0001-01-01\""}, {"9999-12-31", "\"9999-12-31\""}, {"2000-02-29", "\"2000-02-29\""}});
  expect_equal("time", {{"00:00", "\"00:00:00\""}, {"23:59:59.999999", "\"23:59:59.999999\""}, {"12:34:56.1", "\"12:34:56.100000\""}});
  expect_equal("timetz", {{"12:00:00.5+05:30:15", "\"12:00:00.5+05:30:15\""}, {"00:00-15:59:59", "\"00:00:00-15:59:59\""}});
  expect_equal("timestamp", {{"0001-01-01 00:00", "\"0001-01-01T00:00:00\""},
                             {"9999-12-31 23:59:59.999999", "\"9999-12-31T23:59:59.999999\""},
                             {"1969-12-31 23:59:59.999999", "\"1969-12-31T23:59:59.999999\""}});
  expect_equal("timestamptz", {{"0001-01-01 00:00+00", "\"0001-01-01T00:00:00+00:00\""},
                               {"2001-02-03 04:05:06.7+02", "\"2001-02-03T02:05:06.700000+00:00\""},
                               {"9999-12-31 23:59:59.999999+00", "\"9999-12-31T23:59:59.999999+00:00\""}});
  expect_equal(
      "interval",
      {{"-10 mons -3 days 04:05:06.789", "\"-10 mons -3 days +04:05:06.789\""}, {"0", "\"00:00:00\""}, {"1 year 25:00", "\"1 year 25:00:00\""}});
}

TEST_F(SnowflakeComparisonTest, FloatsBitForBit) {
  expect_equal("float8", {{"0", "0e+00"},
                          {"1", "1e+00"},
                          {"-1.5", "-1.5e+00"},
                          {"0.1", "1e-01"},
                          {"5e-324", "5e-324"},
                          {"2.2250738585072011e-308", "2.225073858507201e-308"},
                          {"2.2250738585072014e-308", "2.2250738585072014e-308"},
                          {"1.7976931348623157e308", "1.7976931348623157e+308"},
                          {"9007199254740993", "9.007199254740992e+15"},
                          {"4503599627370496", "4.503599627370496e+15"},
                          {"0.99999999999999989", "9.999999999999999e-01"},
                          {"1.0000000000000002", "1.0000000000000002e+00"},
                          {"NaN", "\"NaN\""},
                          {"infinity", "\"inf\""},
                          {"-infinity", "\"-inf\""}});
  expect_equal("float4", {{"0.1", "1e-01"},
                          {"3.4028235e38", "3.4028235e+38"},
                          {"1e-45", "1e-45"},
                          {"16777217", "1.6777216e+07"},
                          {"NaN", "\"NaN\""},
                          {"-infinity", "\"-inf\""}});
  // Both zeros are one number to Snowflake.
  EXPECT_EQ(compare(make("float8", {{"-0", "-0e+00"}, {"0", "-0e+00"}, {"-0", "0e+00"}})).outcome, TableComparison::Outcome::equal);
}

TEST_F(SnowflakeComparisonTest, FloatsOfRandomBits) {
  SeededRandom random(20261122);
  std::vector<std::string> texts;
  while (texts.size() < 1500) {
    std::uint64_t bits = random.next();
    if (texts.size() % 4 == 1) bits &= 0xFFF0000000000000ULL;                                        // powers of two
    if (texts.size() % 4 == 2) bits |= 0x000FFFFFFFFFFFFFULL;                                        // one below them
    if (texts.size() % 4 == 3) bits = (bits & 0x800FFFFFFFFFFFFFULL) | (random.below(3) << 52);  // about the least normal one
    const auto value = std::bit_cast<double>(bits);
    if (value != value || value - value != 0) continue;
    char text[40];
    *std::to_chars(text, text + sizeof text - 1, value, std::chars_format::scientific).ptr = '\0';
    texts.emplace_back(text);
  }
  std::vector<Sample> samples;
  for (const std::string& text : texts) samples.push_back({text.c_str(), text.c_str()});
  const ComparedTable table = make("float8", samples);
  const TableComparison result = compare(table);
  EXPECT_EQ(result.outcome, TableComparison::Outcome::equal) << keys_of(result);
  // The next double is another one.
  server.run("UPDATE t SET v = '1.0000000000000002' WHERE id = 1; UPDATE t SET v = '1.0000000000000004' WHERE id = 2", database);
  emulator.sql("UPDATE T SET V = '1.0000000000000004'::FLOAT WHERE ID IN (1, 2)");
  EXPECT_EQ(keys_of(compare(table)), "different id=1; ");
}

TEST_F(SnowflakeComparisonTest, Json) {
  for (const char* type : {"json", "jsonb"}) {
    expect_equal(type, {{"null", "null"},
                        {"1", "1"},
                        {"\"1\"", "\"1\""},
                        {"true", "true"},
                        {"{}", "{}"},
                        {"[]", "[]"},
                        {R"({"b": [1, 2, {"x": null}],  "a": "é\"\n"})", R"({"a":"é\"\n","b":[1,2,{"x":null}]})"},
                        {R"({"b": [1, 2, {"x": 0}], "a": "é\"\n"})", R"({"a":"é\"\n","b":[1,2,{"x":0}]})"},
                        {R"({"a": {"x": 1}, "b": {"x": 2}})", R"({"b":{"x":2},"a":{"x":1}})"},
                        {R"({"a": {"x": 2}, "b": {"x": 1}})", R"({"b":{"x":1},"a":{"x":2}})"},
                        {R"({"a b": {"$x": 1}, "": [[]], "é.[0]'": 2})", R"({"é.[0]'":2,"":[[]],"a b":{"$x":1}})"},
                        {"12345678901234567890123456789012345678", "12345678901234567890123456789012345678"},
                        {"[9007199254740993, -9007199254740993]", "[9007199254740993,-9007199254740993]"},
                        {"[9007199254740992, -9007199254740993]", "[9007199254740992,-9007199254740993]"},
                        {"[0.1, 1.10, 100.0, -2.50, 0.30000000000000004]", "[0.1,1.1,100.0,-2.5,0.30000000000000004]"},
                        {"[0.1234567890123456]", "[0.1234567890123456]"},
                        {"[0.1234567890123457]", "[0.1234567890123457]"},
                        {"[[0], [0, [1]]]", "[[0],[0,[1]]]"},
                        {"[[0, 0], [[1]]]", "[[0,0],[[1]]]"}});
  }
  // Only json keeps exponents; Snowflake makes doubles of such numbers.
  expect_equal("json", {{"[1e2, 1.25e1, 1.5e-7, 1e300]", "[1e2,1.25e1,1.5e-7,1e300]"}, {"0.0000001", "0.0000001"}, {"-0.0", "-0.0"}});
}

TEST_F(SnowflakeComparisonTest, Arrays) {
  expect_equal("int4[]", {{"{1,NULL,3}", "[1,null,3]"}, {"{}", "[]"}, {"{13,NULL}", "[13,null]"}});
  expect_equal("bool[]", {{"{t,f}", "[true,false]"}});
  expect_equal("text[]", {{"{x,\"y, z\",NULL,\"\",\"NULL\"}", R"(["x","y, z",null,"","NULL"])"}, {"{\"x,y\"}", R"(["x,y"])"}});
  expect_equal("numeric(4,2)[]", {{"{1.10,NULL,-0.5}", R"(["1.10",null,"-0.50"])"}});
  expect_equal("float8[]", {{"{NaN,-0,1e-300,0.1,infinity}", R"(["NaN",-0e+00,1e-300,1e-01,"inf"])"}});
  expect_equal("float4[]", {{"{0.1}", "[1e-01]"}});
  expect_equal("date[]", {{"{0001-01-01}", R"(["0001-01-01"])"}});
  expect_equal("time[]", {{"{12:00,12:00:00.5}", R"(["12:00:00","12:00:00.500000"])"}});
  expect_equal("timestamp[]", {{"{2001-02-03 04:05:06.7,0001-01-01}", R"(["2001-02-03T04:05:06.700000","0001-01-01T00:00:00"])"}});
  expect_equal("timestamptz[]", {{"{2001-02-03 04:05:06+01}", R"(["2001-02-03T03:05:06+00:00"])"}});
  expect_equal("bytea[]", {{R"({"\\xdeadbeef"})", R"(["3q2+7w=="])"}});
  expect_equal("uuid[]", {{"{a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11}", R"(["a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"])"}});
  expect_equal("interval[]", {{"{1 day}", R"(["1 day"])"}});
  expect_equal("jsonb[]", {{R"({"{\"a\": 1}",NULL,"[2]"})", R"([{"a":1},null,[2]])"}});
}

TEST_F(SnowflakeComparisonTest, DifferencesAreNamedByKeyAndDeletedRowsDoNotCount) {
  ComparedTable table = make("text", {{"a", "\"a\""}, {"b", "\"b\""}, {"c", "\"c\""}});
  emulator.sql(
      "ALTER TABLE T ADD COLUMN \"_LUGE_DELETED\" BOOLEAN; INSERT INTO T VALUES (7, 'gone', TRUE), (8, 'extra', FALSE); DELETE FROM T WHERE ID = 0; "
      "UPDATE T SET V = NULL WHERE ID = 1");
  table.mirror_filter = "COALESCE(t.\"_LUGE_DELETED\", FALSE) = FALSE";
  TableComparison result = compare(table);
  std::string found = keys_of(result);
  for (const char* expected : {"missing id=0; ", "different id=1; ", "extra id=8; "}) EXPECT_NE(found.find(expected), std::string::npos) << found;
  EXPECT_EQ(result.differences.size(), 3U) << found;
  table.columns[0].in_key = false;  // a table without a key: rows are a multiset
  result = compare(table);
  EXPECT_EQ(result.differences.size(), 4U);
  EXPECT_NE(result.differences.front().key.find("hash"), std::string::npos);
}

TEST_F(SnowflakeComparisonTest, HostileNamesAndLongTexts) {
  server.run("CREATE TABLE \"a\\'\"\"b\" (\"k\\'x\" int PRIMARY KEY, v text); INSERT INTO \"a\\'\"\"b\" VALUES (1, repeat('é', 40000)), (2, 'x')",
             database);
  emulator.sql(
      "CREATE TABLE \"a\\'\"\"b\" (\"k\\'x\" NUMBER(38,0), V VARCHAR); INSERT INTO \"a\\'\"\"b\" SELECT 1, REPEAT('é', 40000) UNION ALL SELECT 2, "
      "'y'");
  CatalogReader catalog(source, "none");
  const auto tables = catalog.list_tables();
  ASSERT_TRUE(tables && tables->size() == 1U);
  ComparedTable table;
  table.mirror = MirrorKind::snowflake;
  table.source_relation = "public." + quote_identifier("a\\'\"b");
  table.mirror_relation = "\"DB\".\"PUBLIC\"." + snowflake_identifier("a\\'\"b");
  table.columns = {{"k\\'x", "k\\'x", tables->front().columns[0].type, {ValueKind::int32, 0, 0, nullptr}, true},
                   {"v", "V", tables->front().columns[1].type, {ValueKind::text, 0, 0, nullptr}, false}};
  EXPECT_EQ(keys_of(compare(table)), "different k\\'x=2; ");
}

}  // namespace
}  // namespace luge
