#include <array>
#include <cmath>
#include <cstdlib>
#include <limits>

#include "destination/snowflake/encode/encode_test_support.h"
#include "destination/snowflake/encode/log_columns.h"
#include "destination/snowflake/encode/snowflake_type.h"
#include "destination/snowflake/rest/rest_emulator_test_support.h"
#include "support/sample_chunk.h"
#include "support/snowflake_emulator.h"

namespace luge {
namespace {

using Texts = std::vector<std::string>;

/// What NdjsonEncoder writes, sent through a channel, and read back by SQL.
class EncodedValuesTest : public testing::Test {
 protected:
  EncodedValuesTest() : emulator_(SnowflakeEmulator::shared()), way_(emulator_.url(), emulator_.private_key_file()), client_(way_.client()) {
    emulator_.calm();
  }

  void create(const std::string& columns) {
    std::string sql = "CREATE OR REPLACE TABLE V__LOG (";
    for (const LogColumn& column : kLogColumns) sql += "\"" + std::string(column.name) + "\" " + column.type + ", ";
    emulator_.sql(sql + columns + ") ERROR_LOGGING = TRUE");
  }
  /// All rows get in, or the test fails and shows what the server said.
  void send(const EncodedRows& rows) {
    const ChannelId id{"PUBLIC", "V__LOG", "luge_values"};
    const auto opened = client_->open(id, std::chrono::seconds(0));
    ASSERT_TRUE(opened) << opened.error().message();
    const Status sent = send_all(*client_, id, rows);
    ASSERT_TRUE(sent) << sent.error().message();
    const ChannelStatus status = wait_committed(*client_, id, rows);
    EXPECT_EQ(status.rows_error_count, 0U) << status.last_error_message << emulator_.cell("SELECT ERROR_DATA FROM ERROR_TABLE(V__LOG)");
    EXPECT_EQ(status.rows_inserted, rows.rows.size());
  }
  /// The column's values, as `expression` of C reads them.
  Texts stored(ArrowColumn column, const std::string& expression = "C") {
    create("C " + snowflake_type(column.type));
    const TableChunk chunk = copied_chunk(std::move(column));
    EncodedRows rows;
    EXPECT_EQ(NdjsonEncoder(chunk.schema, names_of(*chunk.schema), 1).encode(chunk, {}, rows), std::nullopt);
    send(rows);
    Texts texts;
    for (const auto& row : emulator_.sql("SELECT " + expression + " FROM V__LOG ORDER BY \"_LUGE_POSITION\""))
      texts.push_back(row[0].value_or("NULL"));
    return texts;
  }

  SnowflakeEmulator& emulator_;
  EmulatorWay way_;
  std::unique_ptr<RestIngestClient> client_;
};

TEST_F(EncodedValuesTest, booleans_and_integers) {
  EXPECT_EQ(stored(boolean_column({true, false, std::nullopt})), (Texts{"true", "false", "NULL"}));
  EXPECT_EQ(stored(fixed_column<std::int64_t>(plain(ValueKind::int64), {INT64_MIN, 0, std::nullopt, INT64_MAX})),
            (Texts{"-9223372036854775808", "0", "NULL", "9223372036854775807"}));
  EXPECT_EQ(stored(fixed_column<std::uint64_t>(plain(ValueKind::uint64), {0, UINT64_MAX})), (Texts{"0", "18446744073709551615"}));
}

TEST_F(EncodedValuesTest, floats_to_the_last_bit) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  const std::vector<std::optional<double>> values = {
      0.1,        -0.0,        1.7976931348623157e308, 5e-324, 2.2250738585072014e-308, 123456789.125, 1e15, 1e23, std::nan(""), kInfinity,
      -kInfinity, std::nullopt};
  const Texts texts = stored(fixed_column<double>(plain(ValueKind::float64), values));
  ASSERT_EQ(texts.size(), values.size());
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (!values[i]) {
      EXPECT_EQ(texts[i], "NULL");
    } else if (std::isnan(*values[i])) {
      EXPECT_EQ(texts[i], "NaN");
    } else {
      EXPECT_EQ(std::strtod(texts[i].c_str(), nullptr), *values[i]) << texts[i];
    }
  }
  EXPECT_EQ(texts[1], "-0.0");
  EXPECT_EQ(texts[9], "inf");
  const Texts narrow = stored(fixed_column<float>(plain(ValueKind::float32), {0.1F, 3.4028235e38F, -std::numeric_limits<float>::infinity()}));
  EXPECT_EQ(std::strtof(narrow[0].c_str(), nullptr), 0.1F);
  EXPECT_EQ(std::strtof(narrow[1].c_str(), nullptr), 3.4028235e38F);
  EXPECT_EQ(narrow[2], "-inf");
}

TEST_F(EncodedValuesTest, decimals_exactly) {
  using Words = std::array<std::uint64_t, 2>;  // little-endian
  EXPECT_EQ(stored(fixed_column<Words>(decimal(18, 2), {Words{0, 0}, Words{~0ULL - 4, ~0ULL}, Words{1'234'500, 0}, std::nullopt})),
            (Texts{"0.00", "-0.05", "12345.00", "NULL"}));
  // 10^38 - 1
  const Words largest{0x098A223FFFFFFFFFULL, 0x4B3B4CA85A86C47AULL};
  EXPECT_EQ(stored(fixed_column<Words>(decimal(38, 10), {largest})), (Texts{"9999999999999999999999999999.9999999999"}));
  EXPECT_EQ(stored(fixed_column<Words>(decimal(38, 0), {largest})), (Texts{std::string(38, '9')}));
  EXPECT_EQ(stored(fixed_column<Words>(decimal(38, 38), {largest})), (Texts{"0." + std::string(38, '9')}));
}

TEST_F(EncodedValuesTest, text_and_bytes) {
  const Texts texts = {"", "a\"b\\c\n\r\t", "ü🎈\x01\x7f", "null", std::string(100'000, 'x')};
  std::vector<std::optional<std::string>> values(texts.begin(), texts.end());
  EXPECT_EQ(stored(bytes_column(plain(ValueKind::text), values)), texts);
  EXPECT_EQ(stored(bytes_column(plain(ValueKind::binary), {"", std::string("\0\xFF", 2), "foobar", std::nullopt})),
            (Texts{"", "00FF", "666F6F626172", "NULL"}));
  using Bytes16 = std::array<std::uint8_t, 16>;
  EXPECT_EQ(stored(fixed_column<Bytes16>(plain(ValueKind::uuid),
                                         {Bytes16{0xa0, 0xee, 0xbc, 0x99, 0x9c, 0x0b, 0x4e, 0xf8, 0xbb, 0x6d, 0x6b, 0xb9, 0xbd, 0x38, 0x0a, 0x11}})),
            (Texts{"a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"}));
}

TEST_F(EncodedValuesTest, dates_and_times) {
  EXPECT_EQ(stored(fixed_column<std::int32_t>(plain(ValueKind::date), {-719'162, 0, 2'932'896, std::nullopt}), "TO_VARCHAR(C, 'YYYY-MM-DD')"),
            (Texts{"0001-01-01", "1970-01-01", "9999-12-31", "NULL"}));
  EXPECT_EQ(stored(fixed_column<std::int64_t>(plain(ValueKind::time), {0, 86'399'999'999})), (Texts{"0.000000000", "86399.999999000"}));
  const std::vector<std::optional<std::int64_t>> moments = {
      0, -500'000, 1'709'210'096'123'456, 253'402'300'799'999'999, -62'135'596'800'000'000, std::nullopt};
  EXPECT_EQ(stored(fixed_column<std::int64_t>(plain(ValueKind::timestamp), moments)),
            (Texts{"0.000000000", "-0.500000000", "1709210096.123456000", "253402300799.999999000", "-62135596800.000000000", "NULL"}));
  EXPECT_EQ(stored(fixed_column<std::int64_t>(plain(ValueKind::timestamp_tz), moments)),
            (Texts{"0.000000000 1440", "-0.500000000 1440", "1709210096.123456000 1440", "253402300799.999999000 1440", "-62135596800.000000000 1440",
                   "NULL"}));
}

TEST_F(EncodedValuesTest, json_and_lists) {
  EXPECT_EQ(
      stored(bytes_column(plain(ValueKind::json), {R"({"b": [1, null, "x"], "a": 1.5})", R"("text")", "12345678901234567890.125", std::nullopt})),
      (Texts{R"({"b":[1,null,"x"],"a":1.5})", R"("text")", "12345678901234567890.125", "NULL"}));
  EXPECT_EQ(stored(list_column(fixed_column<std::int32_t>(plain(ValueKind::int32), {1, std::nullopt, 3}), {2, 0, std::nullopt, 1})),
            (Texts{"[1,null]", "[]", "NULL", "[3]"}));
  EXPECT_EQ(stored(list_column(bytes_column(plain(ValueKind::text), {"a\"b", "ü"}), {2})), (Texts{R"(["a\"b","ü"])"}));
}

TEST_F(EncodedValuesTest, changes_with_absent_values_and_an_old_key) {
  create("ID NUMBER(38,0), NAME VARCHAR, NOTE VARCHAR");
  TableChunk chunk;
  chunk.schema = schema_of({{"ID", plain(ValueKind::int64)}, {"NAME", plain(ValueKind::text)}, {"NOTE", plain(ValueKind::text)}});
  chunk.rows = 4;
  chunk.ops = {RowOp::insert, RowOp::old_image, RowOp::update, RowOp::remove};
  chunk.ordinals = {0, 1, 1, 2};
  chunk.runs.push_back({4, Lsn{0x100}, 0x1'0000'004D, PgTimestamp{1'500'000}});
  chunk.columns.push_back(fixed_column<std::int64_t>(plain(ValueKind::int64), {1, 1, 2, 2}));
  chunk.columns.push_back(bytes_column(plain(ValueKind::text), {"a", std::nullopt, "b", std::nullopt}));
  chunk.columns.push_back(bytes_column(plain(ValueKind::text), {std::nullopt, std::nullopt, std::nullopt, std::nullopt}));
  chunk.present.resize(3);
  for (const auto& [column, bits] : {std::pair<std::size_t, std::string>{0, "1111"}, {1, "1010"}, {2, "1000"}}) {
    chunk.present[column].resize_zeroed(1);
    for (std::size_t row = 0; row < 4; ++row) {
      if (bits[row] == '1') set_bit(chunk.present[column].data(), row);
    }
  }
  EncodedRows rows;
  NdjsonEncoder encoder(chunk.schema, names_of(*chunk.schema), 3);
  ASSERT_EQ(encoder.encode(chunk, {}, rows), std::nullopt);
  Truncate truncate;
  truncate.position = {3, Lsn{0x200}, 0};
  encoder.encode_truncate(truncate, rows);
  send(rows);
  const auto found =
      emulator_.sql(R"(SELECT "_LUGE_OP", "_LUGE_LSN", "_LUGE_XID", "_LUGE_PRESENT", "_LUGE_OLD_KEY":"ID"::NUMBER(38,0), ID, NAME, NOTE,
      "_LUGE_COMMIT_TIME", "_LUGE_POSITION" FROM V__LOG ORDER BY "_LUGE_POSITION")");
  ASSERT_EQ(found.size(), 4U);
  const auto null = std::nullopt;
  const std::string at = "946684801.500000000 1440";
  EXPECT_EQ(found[0], (SnowflakeEmulator::Row{"i", "256", "4294967373", null, null, "1", "a", null, at, offset_token({3, Lsn{0x100}, 0})}));
  EXPECT_EQ(found[1], (SnowflakeEmulator::Row{"u", "256", "4294967373", "110", "1", "2", "b", null, at, offset_token({3, Lsn{0x100}, 1})}));
  EXPECT_EQ(found[2], (SnowflakeEmulator::Row{"d", "256", "4294967373", "100", null, "2", null, null, at, offset_token({3, Lsn{0x100}, 2})}));
  EXPECT_EQ(found[3][0], "t");
  EXPECT_EQ(found[3][1], "512");
  EXPECT_EQ(found[3][5], null);
}

/// Whatever the encoder takes of random bits, of every kind, is taken by the server too.
TEST_F(EncodedValuesTest, every_value_that_the_encoder_takes_gets_in) {
  const TableSchemaPtr all = every_kind_schema();
  std::string columns;
  for (std::size_t i = 0; i < all->columns.size(); ++i)
    columns += (i == 0 ? "C" : ", C") + std::to_string(i) + " " + snowflake_type(all->columns[i].value);
  create(columns);
  SeededRandom random(11);
  EncodedRows rows;
  std::vector<std::size_t> taken(all->columns.size());
  for (std::size_t i = 0; i < all->columns.size(); ++i) {
    auto schema = std::make_shared<TableSchema>();
    schema->columns.push_back(all->columns[i]);
    SampleOptions options;
    options.rows = 400;
    options.streamed = false;
    const TableChunk chunk = sample_chunk(schema, options, random);
    NdjsonEncoder encoder(schema, std::vector<std::string>{"C" + std::to_string(i)}, 1);
    const std::size_t before = rows.rows.size();
    for (std::uint32_t row = 0; row < chunk.rows;) {
      RowSelection selection;
      selection.from = row;
      selection.copied_from = {1, Lsn{i + 1}, row};
      const auto misfit = encoder.encode(chunk, selection, rows);
      if (!misfit) break;
      row = misfit->row + 1;
    }
    taken[i] = rows.rows.size() - before;
    EXPECT_GT(taken[i], 50U) << all->columns[i].name;
  }
  send(rows);
  EXPECT_EQ(emulator_.cell("SELECT COUNT(*) FROM V__LOG"), std::to_string(rows.rows.size()));
}

}  // namespace
}  // namespace luge
