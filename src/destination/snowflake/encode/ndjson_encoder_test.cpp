#include "destination/snowflake/encode/ndjson_encoder.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/random.h"
#include "destination/snowflake/encode/encode_test_support.h"
#include "destination/snowflake/encode/log_columns.h"
#include "destination/snowflake/encode/offset_token.h"
#include "destination/snowflake/encode/row_shards.h"
#include "support/sample_chunk.h"

namespace luge {
namespace {

using nlohmann::json;

constexpr Epoch kEpoch = 3;
constexpr PgTimestamp kSecondAfter2000{1'500'000};

NdjsonEncoder encoder_of(const TableChunk& chunk) { return NdjsonEncoder(chunk.schema, names_of(*chunk.schema), kEpoch); }

std::vector<json> parsed(const EncodedRows& rows) {
  std::vector<json> lines;
  for (std::size_t i = 0; i < rows.rows.size(); ++i) {
    const std::string_view line = rows.line(i);
    EXPECT_EQ(line.find('\n'), line.size() - 1);
    lines.push_back(json::parse(line));
    EXPECT_EQ(lines.back().at("_LUGE_POSITION"), offset_token(rows.rows[i].position));
  }
  EXPECT_EQ(rows.text.size(), rows.rows.empty() ? 0 : rows.rows.back().end);
  return lines;
}

std::vector<json> encoded(const TableChunk& chunk, const RowSelection& selection = {}) {
  EncodedRows rows;
  EXPECT_EQ(encoder_of(chunk).encode(chunk, selection, rows), std::nullopt);
  return parsed(rows);
}

/// Columns ID (the key), NAME, NOTE; the changes of two transactions.
struct Change {
  RowOp op;
  std::optional<std::int64_t> id;
  std::optional<std::string> name;
  std::optional<std::string> note;
  std::string absent;  ///< letters of the columns that are: i, n, o
};

TableChunk changes(const std::vector<Change>& rows, std::vector<std::uint16_t> key_columns = {0}) {
  TableChunk chunk;
  chunk.schema =
      schema_of({{"ID", plain(ValueKind::int64)}, {"NAME", plain(ValueKind::text)}, {"NOTE", plain(ValueKind::text)}}, std::move(key_columns));
  std::vector<std::optional<std::int64_t>> ids;
  std::vector<std::optional<std::string>> names, notes;
  chunk.present.resize(3);
  std::uint64_t ordinal = 0;
  for (const Change& row : rows) {
    ids.push_back(row.id);
    names.push_back(row.name);
    notes.push_back(row.note);
    for (std::size_t c = 0; c < 3; ++c) {
      chunk.present[c].resize_zeroed(chunk.rows / 8 + 1);
      if (row.absent.find("ino"[c]) == std::string::npos) set_bit(chunk.present[c].data(), chunk.rows);
    }
    chunk.ops.push_back(row.op);
    chunk.ordinals.push_back(ordinal);
    if (row.op != RowOp::old_image) ++ordinal;
    ++chunk.rows;
  }
  chunk.columns.push_back(fixed_column<std::int64_t>(plain(ValueKind::int64), ids));
  chunk.columns.push_back(bytes_column(plain(ValueKind::text), names));
  chunk.columns.push_back(bytes_column(plain(ValueKind::text), notes));
  chunk.runs.push_back({chunk.rows, Lsn{0x100}, 77, kSecondAfter2000});
  return chunk;
}

TEST(NdjsonEncoder, WritesOneLineByteForByte) {
  const TableChunk chunk = changes({{RowOp::insert, 1, "a\"b", std::nullopt, ""}});
  EncodedRows rows;
  ASSERT_EQ(encoder_of(chunk).encode(chunk, {}, rows), std::nullopt);
  EXPECT_EQ(rows.line(0), R"({"_LUGE_EPOCH":3,"_LUGE_LSN":256,"_LUGE_XID":77,"_LUGE_COMMIT_TIME":"2000-01-01T00:00:01.500000+00:00",)"
                          R"("_LUGE_POSITION":"00000003/0000000000000100/0000000000000000","_LUGE_ORDINAL":0,"_LUGE_OP":"i","ID":1,"NAME":"a\"b"})"
                          "\n");
}

TEST(NdjsonEncoder, EveryOperation) {
  const auto lines = encoded(changes({{RowOp::insert, 1, "a", "x", ""},
                                      {RowOp::update, 1, "b", std::nullopt, "o"},
                                      {RowOp::update, 1, std::nullopt, "y", ""},
                                      {RowOp::remove, 1, std::nullopt, std::nullopt, "no"}}));
  ASSERT_EQ(lines.size(), 4U);
  const auto without_log = [](json line) {
    for (const LogColumn& column : kLogColumns) {
      if (std::string_view(column.name) != "_LUGE_OP" && std::string_view(column.name) != "_LUGE_PRESENT") line.erase(column.name);
    }
    return line.dump();
  };
  EXPECT_EQ(without_log(lines[0]), R"({"ID":1,"NAME":"a","NOTE":"x","_LUGE_OP":"i"})");
  EXPECT_EQ(without_log(lines[1]), R"({"ID":1,"NAME":"b","_LUGE_OP":"u","_LUGE_PRESENT":"110"})");
  EXPECT_EQ(without_log(lines[2]), R"({"ID":1,"NOTE":"y","_LUGE_OP":"u"})");
  EXPECT_EQ(without_log(lines[3]), R"({"ID":1,"_LUGE_OP":"d","_LUGE_PRESENT":"100"})");
  for (std::size_t i = 0; i < lines.size(); ++i) EXPECT_EQ(lines[i].at("_LUGE_ORDINAL"), i);
}

TEST(NdjsonEncoder, AKeyChangeIsOneRow) {
  const TableChunk chunk = changes({{RowOp::old_image, 1, std::nullopt, std::nullopt, "no"},
                                    {RowOp::update, 2, "b", std::nullopt, "o"},
                                    {RowOp::update, 2, "c", "z", ""},
                                    {RowOp::old_image, 2, std::nullopt, "kept", "n"},
                                    {RowOp::update, 9, "d", std::nullopt, "o"}});
  const auto lines = encoded(chunk);
  ASSERT_EQ(lines.size(), 3U);
  EXPECT_EQ(lines[0].at("_LUGE_OP"), "u");
  EXPECT_EQ(lines[0].at("_LUGE_OLD_KEY"), json::parse(R"({"ID":1})"));
  EXPECT_EQ(lines[0].at("ID"), 2);
  EXPECT_EQ(lines[0].at("_LUGE_PRESENT"), "110");
  EXPECT_FALSE(lines[0].contains("NOTE"));
  EXPECT_FALSE(lines[1].contains("_LUGE_OLD_KEY"));
  EXPECT_FALSE(lines[1].contains("_LUGE_PRESENT"));
  // What did not change and stands in the old image only.
  EXPECT_EQ(lines[2].at("_LUGE_OLD_KEY"), json::parse(R"({"ID":2})"));
  EXPECT_EQ(lines[2].at("NOTE"), "kept");
  EXPECT_FALSE(lines[2].contains("_LUGE_PRESENT"));
}

TEST(NdjsonEncoder, WithoutAKeyTheOldRowTravels) {
  const auto lines = encoded(changes({{RowOp::old_image, 1, "a", std::nullopt, ""},
                                      {RowOp::update, 1, "b", "x", ""},
                                      {RowOp::old_image, std::nullopt, std::nullopt, std::nullopt, ""},
                                      {RowOp::update, 1, std::nullopt, std::nullopt, ""},
                                      {RowOp::remove, 1, "b", "x", ""}},
                                     {}));
  ASSERT_EQ(lines.size(), 3U);
  EXPECT_EQ(lines[0].at("_LUGE_OLD_KEY"), json::parse(R"({"ID":1,"NAME":"a"})"));
  EXPECT_EQ(lines[1].at("_LUGE_OLD_KEY"), json::object());
  EXPECT_EQ(lines[2].at("NAME"), "b");
}

TEST(NdjsonEncoder, PresenceStandsAtTheAttnum) {
  TableChunk chunk = changes({{RowOp::update, 1, "a", std::nullopt, "o"}});
  auto schema = std::make_shared<TableSchema>(*chunk.schema);
  schema->columns[0].attnum = 2;  // 1 and 4 were dropped
  schema->columns[1].attnum = 5;
  schema->columns[2].attnum = 3;
  chunk.schema = schema;
  EXPECT_EQ(encoded(chunk)[0].at("_LUGE_PRESENT"), "01001");
}

TEST(NdjsonEncoder, TransactionsOfAChunk) {
  TableChunk chunk = changes({{RowOp::insert, 1, "a", "x", ""}, {RowOp::insert, 2, "a", "x", ""}, {RowOp::insert, 3, "a", "x", ""}});
  chunk.runs = {{1, Lsn{0x10}, 5, {}}, {3, Lsn{UINT64_MAX}, UINT64_MAX, {INT64_MAX}}};
  chunk.ordinals = {4, 0, UINT64_MAX};
  const auto lines = encoded(chunk);
  EXPECT_EQ(lines[0].at("_LUGE_POSITION"), "00000003/0000000000000010/0000000000000004");
  EXPECT_EQ(lines[0].at("_LUGE_COMMIT_TIME"), "2000-01-01T00:00:00+00:00");
  EXPECT_EQ(lines[1].at("_LUGE_LSN"), UINT64_MAX);
  EXPECT_EQ(lines[1].at("_LUGE_XID"), UINT64_MAX);
  EXPECT_FALSE(lines[1].contains("_LUGE_COMMIT_TIME")) << "no TIMESTAMP_TZ";
  EXPECT_EQ(lines[2].at("_LUGE_ORDINAL"), UINT64_MAX);
  EXPECT_EQ(lines[2].at("_LUGE_POSITION"), "00000003/ffffffffffffffff/ffffffffffffffff");
}

TEST(NdjsonEncoder, CopiedRowsAreInserts) {
  const TableChunk chunk = copied_chunk(fixed_column<std::int32_t>(plain(ValueKind::int32), {7, std::nullopt, 9}));
  RowSelection selection;
  selection.from = 1;
  selection.copied_from = {kEpoch, Lsn{0}, 1000};
  EncodedRows rows;
  ASSERT_EQ(encoder_of(chunk).encode(chunk, selection, rows), std::nullopt);
  EXPECT_EQ(rows.line(0),
            "{\"_LUGE_EPOCH\":3,\"_LUGE_LSN\":0,\"_LUGE_POSITION\":\"00000003/0000000000000000/00000000000003e9\",\"_LUGE_ORDINAL\":1001,"
            "\"_LUGE_OP\":\"i\"}\n");
  EXPECT_EQ(parsed(rows)[1].at("C"), 9);
}

TEST(NdjsonEncoder, ATruncateIsARow) {
  Truncate truncate;
  truncate.position = {kEpoch, Lsn{0x20}, 6};
  truncate.xid = 8;
  truncate.commit_time = kSecondAfter2000;
  EncodedRows rows;
  encoder_of(changes({})).encode_truncate(truncate, rows);
  EXPECT_EQ(parsed(rows)[0].dump(),
            json::parse(R"({"_LUGE_EPOCH":3,"_LUGE_LSN":32,"_LUGE_XID":8,"_LUGE_COMMIT_TIME":"2000-01-01T00:00:01.500000+00:00",
    "_LUGE_POSITION":"00000003/0000000000000020/0000000000000006","_LUGE_ORDINAL":6,"_LUGE_OP":"t","_LUGE_PRESENT":"000"})")
                .dump());
}

TEST(NdjsonEncoder, NamesAreQuoted) {
  const TableChunk chunk = copied_chunk(fixed_column<std::int32_t>(plain(ValueKind::int32), {7}));
  const std::string name = "A \"quoted\"\\ näme that is longer than a block\n";
  EncodedRows rows;
  ASSERT_EQ(NdjsonEncoder(chunk.schema, std::vector{name}, kEpoch).encode(chunk, {}, rows), std::nullopt);
  EXPECT_EQ(parsed(rows)[0].at(name), 7);
}

TEST(NdjsonEncoder, AMisfitLeavesTheRowsBefore) {
  TableChunk chunk = copied_chunk(fixed_column<std::int32_t>(plain(ValueKind::date), {0, 1, kDateInfinity, 3}));
  chunk.schema = schema_of({{"A", plain(ValueKind::int64)}, {"B", plain(ValueKind::date)}});
  chunk.columns.insert(chunk.columns.begin(), fixed_column<std::int64_t>(plain(ValueKind::int64), {1, 2, 3, 4}));
  NdjsonEncoder encoder = encoder_of(chunk);
  EncodedRows rows;
  const auto misfit = encoder.encode(chunk, {}, rows);
  ASSERT_TRUE(misfit);
  EXPECT_EQ(misfit->row, 2U);
  EXPECT_EQ(misfit->column, 1U);
  EXPECT_EQ(std::string(misfit->reason), "the date lies outside the years 1 to 9999 or is infinite");
  EXPECT_EQ(parsed(rows).size(), 2U);
  RowSelection rest;
  rest.from = misfit->row + 1;
  EXPECT_EQ(encoder.encode(chunk, rest, rows), std::nullopt) << "one can go on behind it";
  EXPECT_EQ(parsed(rows).back().at("A"), 4);
}

TEST(NdjsonEncoder, SelectsRangesShardsAndWhatIsBehindAPosition) {
  std::vector<Change> rows;
  for (std::int64_t id = 0; id < 60; ++id) {
    if (id % 3 == 0) rows.push_back({RowOp::old_image, id, std::nullopt, std::nullopt, "no"});
    rows.push_back({id % 3 == 0 ? RowOp::update : RowOp::insert, id + 1000, "n", "o", ""});
  }
  const TableChunk chunk = changes(rows);
  const auto all = encoded(chunk);
  ASSERT_EQ(all.size(), 60U);

  // Whatever the ranges: a row comes once, with its old key.
  for (std::uint32_t step = 1; step < 9; ++step) {
    std::vector<json> pieces;
    for (std::uint32_t from = 0; from < chunk.rows; from += step) {
      RowSelection selection;
      selection.from = from;
      selection.to = from + step;
      for (json& line : encoded(chunk, selection)) pieces.push_back(std::move(line));
    }
    EXPECT_EQ(pieces, all);
  }

  const auto shards = row_shards(chunk, 4);
  std::vector<json> together;
  for (std::uint16_t shard = 0; shard < 4; ++shard) {
    RowSelection selection;
    selection.shard_of_row = shards;
    selection.shard = shard;
    const auto part = encoded(chunk, selection);
    EXPECT_GT(part.size(), 0U);
    together.insert(together.end(), part.begin(), part.end());
  }
  std::sort(together.begin(), together.end(), [](const json& a, const json& b) { return a.at("_LUGE_ORDINAL") < b.at("_LUGE_ORDINAL"); });
  EXPECT_EQ(together, all);

  RowSelection behind;
  behind.after = Position{kEpoch, Lsn{0x100}, 20};
  EXPECT_EQ(encoded(chunk, behind), std::vector<json>(all.begin() + 21, all.end()));
  behind.after = Position{kEpoch + 1, Lsn{0}, 0};
  EXPECT_TRUE(encoded(chunk, behind).empty());
}

TEST(NdjsonEncoderDeathTest, OpenTransactionsHaveNoPosition) {
  TableChunk chunk = changes({{RowOp::insert, 1, "a", "b", ""}});
  chunk.runs[0].commit_lsn = {};
  EXPECT_DEATH(encoded(chunk), "open transaction");
}

/// Random chunks of every kind whose random bytes all make a value: NULLs and absences are where they were, and each value is what its
/// writer alone makes of it.
TEST(NdjsonEncoder, RandomChunksOfEveryKind) {
  const TableSchemaPtr every_kind = every_kind_schema();
  auto schema = std::make_shared<TableSchema>(*every_kind);
  std::erase_if(schema->columns, [](const ColumnSchema& column) {
    const ValueKind kind = column.value.kind == ValueKind::list ? column.value.element->kind : column.value.kind;
    return kind == ValueKind::date || kind == ValueKind::timestamp || kind == ValueKind::timestamp_tz || kind == ValueKind::json;
  });
  for (std::size_t i = 0; i < schema->columns.size(); ++i) schema->columns[i].attnum = static_cast<std::int16_t>(i + 1);
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    SeededRandom random(seed);
    const TableChunk chunk = sample_chunk(schema, {.rows = 200, .nulls_percent = 20, .absent_percent = static_cast<unsigned>(seed % 2 * 20)}, random);
    const auto lines = encoded(chunk);
    ASSERT_EQ(lines.size(), chunk.rows);
    for (std::size_t c = 0; c < chunk.columns.size(); ++c) {
      const std::string& name = schema->columns[c].name;
      const auto values = written_values(chunk.columns[c]);
      for (std::size_t row = 0; row < chunk.rows; ++row) {
        const bool carried = chunk.is_present(c, row) && values[row] != "NULL";
        ASSERT_EQ(lines[row].contains(name), carried);
        if (carried) {
          ASSERT_EQ(lines[row].at(name), json::parse(values[row]));
        }
        const std::string presence = lines[row].value("_LUGE_PRESENT", std::string(chunk.columns.size(), '1'));
        ASSERT_EQ(presence[c] == '1', chunk.is_present(c, row));
      }
    }
  }
}

}  // namespace
}  // namespace luge
