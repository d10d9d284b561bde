#include "destination/duckdb/mirror_writer.h"

#include <algorithm>
#include <cstdlib>

#include "base/log.h"
#include "destination/duckdb/column_type.h"
#include "destination/duckdb/keyed_fold.h"
#include "destination/duckdb/multiset_fold.h"
#include "destination/duckdb/row_stage.h"
#include "destination/duckdb/value_bytes.h"

namespace luge {

namespace {

using Finals = std::vector<KeyedFold::Final>;

std::string column_list(const TableSchema& schema) {
  std::string out;
  for (const ColumnSchema& column : schema.columns) out += (out.empty() ? "" : ", ") + duckdb_identifier(column.name);
  return out;
}

std::string stage_name(std::size_t column) { return "c" + std::to_string(column); }
std::string key_name(std::size_t column) { return "k" + std::to_string(column); }
std::string presence_name(std::size_t column) { return "p" + std::to_string(column); }

std::string insert_sql(const std::string& table, const TableSchema& schema, const std::string& from) {
  std::string values;
  for (std::size_t c = 0; c < schema.columns.size(); ++c) values += (c == 0 ? "" : ", ") + stage_name(c);
  return "INSERT INTO " + table + " (" + column_list(schema) + ") SELECT " + values + " FROM " + from;
}

std::string applying(const TableSchema& schema) { return "applying changes of " + to_string(schema.name); }

bool has_sparse_values(std::span<const TableChunk> chunks, std::size_t column) {
  return std::any_of(chunks.begin(), chunks.end(), [&](const TableChunk& chunk) { return !chunk.present.empty() && !chunk.present[column].empty(); });
}

/// The rows that finals end as. A final points into the fold's images, of which the newest carries most values.
Stage stage_of_finals(const KeyedFold& fold, std::span<const TableChunk> chunks, const Finals& finals) {
  Stage stage;
  stage.rows = finals.size();
  for (std::size_t c = 0; c < chunks[0].columns.size(); ++c) {
    if (has_sparse_values(chunks, c)) {
      stage.columns.push_back(
          picked_column(stage_name(c), chunks, c, [&fold, &finals, c](std::size_t i) { return fold.carrier(finals[i].image, c); }));
    } else {
      stage.columns.push_back(picked_column(stage_name(c), chunks, c, [&fold, &finals](std::size_t i) { return fold.newest(finals[i].image); }));
    }
  }
  return stage;
}

/// How a join finds its rows. Both mean the same.
enum class Match : char {
  by_columns,  ///< DuckDB turns the keys into filters of the scan and skips what cannot match: fast
  opaque,      ///< as one comparison of structs, which it does not: for a second look, see delete_bases()
};

std::string key_match(const TableSchema& schema, Match match) {
  std::string ours;
  std::string wanted;
  std::string columns;
  for (const std::uint16_t c : schema.key_columns) {
    const std::string column = "t." + duckdb_identifier(schema.columns[c].name);
    const std::string key = "s." + key_name(c);
    ours += (ours.empty() ? "" : ", ") + column;
    wanted += (wanted.empty() ? "" : ", ") + key;
    columns += (columns.empty() ? "" : " AND ") + column + " = " + key;
  }
  return match == Match::by_columns ? columns : "row(" + ours + ") = row(" + wanted + ")";
}

void add_key_columns(Stage& stage, std::span<const TableChunk> chunks, const TableSchema& schema, const RowAt& row_at) {
  for (const std::uint16_t c : schema.key_columns) stage.columns.push_back(picked_column(key_name(c), chunks, c, row_at));
}

constexpr const char* kFilled = "temp.main.luge_filled";

/// Writes the partial finals, with their absent values read from the table, into a temporary table: DuckDB may spill it, while
/// held in memory the large values that TOAST is about could be many times the batch.
Result<std::uint64_t> fill_partial_finals(DuckdbConnection& connection, const std::string& table, std::span<const TableChunk> chunks,
                                          const KeyedFold& fold) {
  const TableSchema& schema = *chunks[0].schema;
  const Finals& finals = fold.partial();
  Stage stage = stage_of_finals(fold, chunks, finals);
  std::string values;
  for (std::size_t c = 0; c < schema.columns.size(); ++c) {
    values += c == 0 ? "" : ", ";
    if (!has_sparse_values(chunks, c)) {
      values += "s." + stage_name(c);
      continue;
    }
    stage.columns.push_back(
        boolean_column(presence_name(c), [&fold, &finals, c](std::size_t i) { return fold.carrier(finals[i].image, c).has_value(); }));
    values += "CASE WHEN s." + presence_name(c) + " THEN s." + stage_name(c) + " ELSE t." + duckdb_identifier(schema.columns[c].name) + " END AS " +
              stage_name(c);
  }
  add_key_columns(stage, chunks, schema, [&finals](std::size_t i) { return finals[i].base; });
  std::uint64_t filled = 0;
  for (const Match match : {Match::by_columns, Match::opaque}) {
    CHECK_OK(connection.execute(std::string("DROP TABLE IF EXISTS ") + kFilled, applying(schema)));
    const auto sql = [&](const std::string& from) {
      return std::string("CREATE TEMPORARY TABLE ") + kFilled + " AS SELECT " + values + " FROM " + from + " s JOIN " + table + " t ON " +
             key_match(schema, match);
    };
    CHECK_OK(connection.execute_with(stage, sql, applying(schema)));
    TRY(auto counted, connection.rows(std::string("SELECT count(*)::VARCHAR FROM ") + kFilled, applying(schema)));
    filled = std::strtoull(counted.at(0).at(0).value_or("0").c_str(), nullptr, 10);
    if (filled == finals.size()) break;
  }
  return filled;
}

/// Deletes the rows of the given keys and says how many there were. DuckDB 2.0.0 can lose rows when it turns a join into filters of
/// a scan that covers committed rows and rows of the running transaction (seen with row ids), so what seems to be missing is looked
/// for once more without such filters before anybody is told that the mirror diverged.
Result<std::uint64_t> delete_bases(DuckdbConnection& connection, const std::string& table, std::span<const TableChunk> chunks,
                                   const std::vector<RowRef>& bases) {
  const TableSchema& schema = *chunks[0].schema;
  Stage stage;
  stage.rows = bases.size();
  add_key_columns(stage, chunks, schema, [&bases](std::size_t i) { return bases[i]; });
  std::uint64_t deleted = 0;
  for (const Match match : {Match::by_columns, Match::opaque}) {
    const auto sql = [&](const std::string& from) { return "DELETE FROM " + table + " t USING " + from + " s WHERE " + key_match(schema, match); };
    TRY(const std::uint64_t count, connection.execute_with(stage, sql, applying(schema)));
    if (match == Match::opaque && count > 0)
      log_event(LogLevel::warn, "second_look", "DuckDB found rows only at a second look", {{"table", to_string(schema.name)}, {"rows", count}});
    deleted += count;
    if (deleted >= bases.size()) break;
  }
  return deleted;
}

FoldAnomaly divergence(std::uint64_t expected, std::uint64_t found) {
  return {{0, 0}, "divergence", "the mirror holds " + std::to_string(found) + " of " + std::to_string(expected) + " rows that the source changed"};
}

Result<std::optional<FoldAnomaly>> apply_keyed(DuckdbConnection& connection, const std::string& table, std::span<const TableChunk> chunks) {
  const TableSchema& schema = *chunks[0].schema;
  KeyedFold fold(chunks);
  std::optional<FoldAnomaly> anomaly = fold.run();
  if (!fold.partial().empty()) {
    TRY(const std::uint64_t filled, fill_partial_finals(connection, table, chunks, fold));
    if (filled != fold.partial().size()) anomaly = divergence(fold.partial().size(), filled);
  }
  if (!fold.bases().empty()) {
    TRY(const std::uint64_t deleted, delete_bases(connection, table, chunks, fold.bases()));
    if (deleted != fold.bases().size()) anomaly = divergence(fold.bases().size(), deleted);
  }
  if (!fold.whole().empty()) {
    const Stage stage = stage_of_finals(fold, chunks, fold.whole());
    CHECK_OK(connection.execute_with(
        stage, [&](const std::string& from) { return insert_sql(table, schema, from); }, applying(schema)));
  }
  if (!fold.partial().empty()) {
    CHECK_OK(connection.execute(insert_sql(table, schema, kFilled), applying(schema)));
    CHECK_OK(connection.execute(std::string("DROP TABLE ") + kFilled, applying(schema)));
  }
  return anomaly;
}

/// Equality of whole rows as structs, in which NULL equals NULL. Intervals are compared as text: 30 days are no month here.
std::string row_match(const TableSchema& schema) {
  std::string ours;
  std::string wanted;
  for (std::size_t c = 0; c < schema.columns.size(); ++c) {
    const std::string cast = has_interval_twins(schema.columns[c].value) ? "::VARCHAR" : "";
    ours += (c == 0 ? "" : ", ") + ("t." + duckdb_identifier(schema.columns[c].name)) + cast;
    wanted += (c == 0 ? "" : ", ") + ("s." + stage_name(c)) + cast;
  }
  return "row(" + ours + ") = row(" + wanted + ")";
}

using CopiesList = std::vector<MultisetFold::Copies>;

Stage stage_of_copies(const MultisetFold& fold, std::span<const TableChunk> chunks, const CopiesList& copies) {
  Stage stage;
  stage.rows = copies.size();
  for (std::size_t c = 0; c < chunks[0].columns.size(); ++c) {
    stage.columns.push_back(picked_column(stage_name(c), chunks, c, [&fold, &copies, c](std::size_t i) { return fold.carrier(copies[i], c); }));
  }
  return stage;
}

/// Deletes exactly `count` of the equal rows, whichever they are: they cannot be told apart.
Result<std::optional<FoldAnomaly>> apply_keyless(DuckdbConnection& connection, const std::string& table, std::span<const TableChunk> chunks) {
  const TableSchema& schema = *chunks[0].schema;
  MultisetFold fold(chunks);
  std::optional<FoldAnomaly> anomaly = fold.run();
  if (!fold.removed().empty()) {
    const CopiesList& removed = fold.removed();
    Stage stage = stage_of_copies(fold, chunks, removed);
    stage.columns.push_back(bigint_column("i", [](std::size_t i) { return static_cast<std::int64_t>(i); }));
    stage.columns.push_back(bigint_column("n", [&removed](std::size_t i) { return removed[i].count; }));
    std::uint64_t expected = 0;
    for (const auto& copies : removed) expected += static_cast<std::uint64_t>(copies.count);
    const auto sql = [&](const std::string& from) {
      // Row ids are compared as structs: as numbers they would become a filter of the scan, which loses rows in DuckDB 2.0.0.
      return "DELETE FROM " + table + " g USING (SELECT id FROM (SELECT t.rowid AS id, s.n AS n, row_number() OVER (PARTITION BY s.i) AS k FROM " +
             table + " t JOIN " + from + " s ON " + row_match(schema) + ") WHERE k <= n) d WHERE row(g.rowid) = row(d.id)";
    };
    TRY(const std::uint64_t deleted, connection.execute_with(stage, sql, applying(schema)));
    if (deleted != expected) anomaly = divergence(expected, deleted);
  }
  CopiesList added;
  for (const auto& copies : fold.added()) added.insert(added.end(), static_cast<std::size_t>(copies.count), copies);
  if (!added.empty()) {
    const Stage stage = stage_of_copies(fold, chunks, added);
    CHECK_OK(connection.execute_with(
        stage, [&](const std::string& from) { return insert_sql(table, schema, from); }, applying(schema)));
  }
  return anomaly;
}

}  // namespace

Status create_mirror_table(DuckdbConnection& connection, const TargetName& target, const TableSchema& schema) {
  const std::string doing = "creating the table of " + to_string(schema.name);
  CHECK_OK(connection.execute(
      "CREATE SCHEMA IF NOT EXISTS " + duckdb_identifier(connection.database().catalog()) + "." + duckdb_identifier(target.schema), doing));
  std::string columns;
  for (const ColumnSchema& column : schema.columns) {
    columns += (columns.empty() ? "" : ", ") + duckdb_identifier(column.name) + " " + duckdb_type_name(column.value);
  }
  CHECK_OK(connection.execute("CREATE TABLE " + connection.database().qualified(target) + " (" + columns + ")", doing));
  return ok();
}

Status append_rows(DuckdbConnection& connection, const TargetName& target, const TableChunk& chunk) {
  Stage stage;
  stage.rows = chunk.rows;
  for (std::size_t c = 0; c < chunk.columns.size(); ++c) stage.columns.push_back(whole_column(stage_name(c), chunk, c));
  const std::string table = connection.database().qualified(target);
  CHECK_OK(connection.execute_with(
      stage, [&](const std::string& from) { return insert_sql(table, *chunk.schema, from); }, applying(*chunk.schema)));
  return ok();
}

Result<std::optional<FoldAnomaly>> apply_to_mirror(DuckdbConnection& connection, const TargetName& target, std::span<const TableChunk> chunks) {
  if (chunks.empty()) return std::optional<FoldAnomaly>();
  if (std::all_of(chunks.begin(), chunks.end(), [](const TableChunk& chunk) { return chunk.insert_only(); })) {
    for (const TableChunk& chunk : chunks) CHECK_OK(append_rows(connection, target, chunk));
    return std::optional<FoldAnomaly>();
  }
  const std::string table = connection.database().qualified(target);
  if (chunks[0].schema->keyless()) return apply_keyless(connection, table, chunks);
  return apply_keyed(connection, table, chunks);
}

}  // namespace luge
