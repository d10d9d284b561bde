#include "destination/duckdb/log_writer.h"

#include <algorithm>

#include "destination/duckdb/column_type.h"
#include "destination/duckdb/mirror_writer.h"
#include "destination/duckdb/row_stage.h"
#include "destination/duckdb/value_bytes.h"
#include "destination/duckdb/vector_writer.h"

namespace luge {

namespace {

constexpr const char* kLogColumns = "_luge_op, _luge_epoch, _luge_lsn, _luge_ordinal, _luge_xid, _luge_commit_time, _luge_present";
constexpr std::int64_t kMicrosFrom1970To2000 = 946'684'800'000'000;

std::string stage_name(std::size_t column) { return "c" + std::to_string(column); }

/// Which rows of the chunk become rows of the log, and under which letter.
struct LogRow {
  std::uint32_t row = 0;
  char op = 'i';
};

bool same_key(const TableChunk& chunk, std::uint32_t old_image, std::uint32_t update, Buffer& old_bytes, Buffer& new_bytes) {
  old_bytes.clear();
  new_bytes.clear();
  for (const std::uint16_t column : chunk.schema->key_columns) {
    append_value_bytes(chunk.columns[column], old_image, Sameness::exact, old_bytes);
    const std::uint32_t carrier = chunk.is_present(column, update) ? update : old_image;
    append_value_bytes(chunk.columns[column], carrier, Sameness::exact, new_bytes);
  }
  return old_bytes.size() == new_bytes.size() && std::memcmp(old_bytes.data(), new_bytes.data(), old_bytes.size()) == 0;
}

/// An old image is a change of its own only when the key changed, or when rows have no other identity than all their values.
std::vector<LogRow> log_rows(const TableChunk& chunk) {
  std::vector<LogRow> out;
  out.reserve(chunk.rows);
  Buffer old_bytes;
  Buffer new_bytes;
  for (std::uint32_t row = 0; row < chunk.rows; ++row) {
    if (chunk.ops[row] != RowOp::old_image) {
      out.push_back({row, static_cast<char>(chunk.ops[row])});
      continue;
    }
    const bool has_update = row + 1 < chunk.rows && chunk.ops[row + 1] == RowOp::update;
    if (chunk.schema->keyless() || !has_update || !same_key(chunk, row, row + 1, old_bytes, new_bytes)) out.push_back({row, 'd'});
  }
  return out;
}

/// The row before an update that carries its old image, for values which only that carries.
RowRef carrier_of(const TableChunk& chunk, std::size_t column, std::uint32_t row) {
  const bool has_old = row > 0 && chunk.ops[row] == RowOp::update && chunk.ops[row - 1] == RowOp::old_image;
  if (has_old && !chunk.is_present(column, row) && chunk.is_present(column, row - 1)) return {0, row - 1};
  return {0, row};
}

std::string nothing_present(const TableSchema& schema) {
  std::int16_t last = 0;
  for (const ColumnSchema& column : schema.columns) last = std::max(last, column.attnum);
  return std::string(static_cast<std::size_t>(last), '0');
}

/// nullopt: the change carried every column.
std::optional<std::string> presence_bits(const TableChunk& chunk, std::uint32_t row) {
  std::string bits = nothing_present(*chunk.schema);
  bool all = true;
  for (std::size_t c = 0; c < chunk.columns.size(); ++c) {
    const bool present = chunk.is_present(c, carrier_of(chunk, c, row).row);
    if (present) bits[static_cast<std::size_t>(chunk.schema->columns[c].attnum) - 1] = '1';
    all = all && present;
  }
  if (all) return std::nullopt;
  return bits;
}

StageColumn text_column(std::string name, std::function<std::optional<std::string_view>(std::size_t i)> value) {
  return {std::move(name), LogicalType(duckdb_create_logical_type(DUCKDB_TYPE_VARCHAR)),
          [value = std::move(value)](std::size_t begin, std::size_t count, duckdb_vector out) {
            for (std::size_t i = 0; i < count; ++i) {
              const auto text = value(begin + i);
              if (text) {
                write_string(text->data(), text->size(), out, i);
              } else {
                write_nulls(1, out, i);
              }
            }
          }};
}

std::string source_columns(const TableSchema& schema) {
  std::string out;
  for (const ColumnSchema& column : schema.columns) out += duckdb_identifier(column.name) + ", ";
  return out;
}

std::string logging(const TableSchema& schema) { return "appending to the log of " + to_string(schema.name); }

}  // namespace

Status create_log_table(DuckdbConnection& connection, const TargetName& target, const TableSchema& schema) {
  CHECK_OK(create_mirror_table(connection, target, schema));
  const std::string alter = "ALTER TABLE " + connection.database().qualified(target) + " ADD COLUMN ";
  for (const char* column : {"_luge_op VARCHAR", "_luge_epoch UINTEGER", "_luge_lsn UBIGINT", "_luge_ordinal UBIGINT", "_luge_xid UBIGINT",
                             "_luge_commit_time TIMESTAMPTZ", "_luge_present VARCHAR"}) {
    CHECK_OK(connection.execute(alter + column, "creating the log of " + to_string(schema.name)));
  }
  return ok();
}

Status append_copied_to_log(DuckdbConnection& connection, const TargetName& target, const TableChunk& chunk, Epoch epoch,
                            std::uint64_t first_ordinal) {
  Stage stage;
  stage.rows = chunk.rows;
  std::string values;
  for (std::size_t c = 0; c < chunk.columns.size(); ++c) {
    stage.columns.push_back(whole_column(stage_name(c), chunk, c));
    values += stage_name(c) + ", ";
  }
  stage.columns.push_back(bigint_column("ordinal", [first_ordinal](std::size_t i) { return static_cast<std::int64_t>(first_ordinal + i); }));
  const auto sql = [&](const std::string& from) {
    return "INSERT INTO " + connection.database().qualified(target) + " (" + source_columns(*chunk.schema) + kLogColumns + ") SELECT " + values +
           "'i', " + std::to_string(epoch) + ", 0, ordinal, 0, NULL, NULL FROM " + from;
  };
  CHECK_OK(connection.execute_with(stage, sql, logging(*chunk.schema)));
  return ok();
}

Status append_copy_to_log(DuckdbConnection& connection, const TargetName& target, const TargetName& copied, const TableSchema& schema, Epoch epoch) {
  const std::string log = connection.database().qualified(target);
  const std::string here = std::to_string(epoch);
  TRY(const auto lsns, connection.rows("SELECT coalesce(max(_luge_lsn), 0)::VARCHAR FROM " + log + " WHERE _luge_epoch = " + here, logging(schema)));
  const std::string lsn = lsns.at(0).at(0).value_or("0");
  const std::string first =
      "(SELECT coalesce(max(_luge_ordinal) + 1, 0) FROM " + log + " WHERE _luge_epoch = " + here + " AND _luge_lsn = " + lsn + ")";
  TRY(const auto ordinals, connection.rows("SELECT " + first + "::VARCHAR", logging(schema)));
  const std::string ordinal = ordinals.at(0).at(0).value_or("0");
  const std::string columns = source_columns(schema);
  CHECK_OK(connection.execute("INSERT INTO " + log + " (" + kLogColumns + ") VALUES ('t', " + here + ", " + lsn + ", " + ordinal + ", 0, NULL, " +
                                  duckdb_literal(nothing_present(schema)) + ")",
                              logging(schema)));
  CHECK_OK(connection.execute("INSERT INTO " + log + " (" + columns + kLogColumns + ") SELECT " + columns + "_luge_op, " + here + ", " + lsn +
                                  ", _luge_ordinal + " + ordinal + " + 1, _luge_xid, _luge_commit_time, _luge_present FROM " +
                                  connection.database().qualified(copied),
                              logging(schema)));
  return ok();
}

Status append_to_log(DuckdbConnection& connection, const TargetName& target, const TableChunk& chunk, Epoch epoch) {
  const std::vector<LogRow> rows = log_rows(chunk);
  Stage stage;
  stage.rows = rows.size();
  std::string values;
  const bool sparse = std::any_of(chunk.present.begin(), chunk.present.end(), [](const Buffer& bits) { return !bits.empty(); });
  for (std::size_t c = 0; c < chunk.columns.size(); ++c) {
    const auto row_at = [&chunk, &rows, c](std::size_t i) -> std::optional<RowRef> {
      const RowRef from = carrier_of(chunk, c, rows[i].row);
      if (!chunk.is_present(c, from.row)) return std::nullopt;
      return from;
    };
    stage.columns.push_back(picked_column(stage_name(c), {&chunk, 1}, c, row_at));
    values += stage_name(c) + ", ";
  }
  std::vector<std::optional<std::string>> presence;
  if (sparse) {
    presence.reserve(rows.size());
    for (const LogRow& row : rows) presence.push_back(presence_bits(chunk, row.row));
  }
  const auto run = [&chunk, &rows](std::size_t i) -> const TransactionRun& { return run_of(chunk, rows[i].row); };
  stage.columns.push_back(text_column("op", [&rows](std::size_t i) { return std::string_view(&rows[i].op, 1); }));
  stage.columns.push_back(bigint_column("lsn", [run](std::size_t i) { return static_cast<std::int64_t>(run(i).commit_lsn.value); }));
  stage.columns.push_back(
      bigint_column("ordinal", [&chunk, &rows](std::size_t i) { return static_cast<std::int64_t>(chunk.ordinals[rows[i].row]); }));
  stage.columns.push_back(bigint_column("xid", [run](std::size_t i) { return static_cast<std::int64_t>(run(i).xid); }));
  stage.columns.push_back(bigint_column("commit_time", [run](std::size_t i) { return run(i).commit_time.micros + kMicrosFrom1970To2000; }));
  stage.columns.push_back(text_column("present", [&presence](std::size_t i) -> std::optional<std::string_view> {
    if (presence.empty()) return std::nullopt;
    return presence[i];
  }));
  const auto sql = [&](const std::string& from) {
    return "INSERT INTO " + connection.database().qualified(target) + " (" + source_columns(*chunk.schema) + kLogColumns + ") SELECT " + values +
           "op, " + std::to_string(epoch) + ", lsn, ordinal, xid, make_timestamptz(commit_time), present FROM " + from;
  };
  CHECK_OK(connection.execute_with(stage, sql, logging(*chunk.schema)));
  return ok();
}

Status append_truncate_to_log(DuckdbConnection& connection, const TargetName& target, const TableSchema& schema, const Truncate& truncate) {
  const std::string sql = "INSERT INTO " + connection.database().qualified(target) + " (" + kLogColumns + ") VALUES ('t', " +
                          std::to_string(truncate.position.epoch) + ", " + std::to_string(truncate.position.commit_lsn.value) + ", " +
                          std::to_string(truncate.position.ordinal) + ", " + std::to_string(truncate.xid) + ", make_timestamptz(" +
                          std::to_string(truncate.commit_time.micros + kMicrosFrom1970To2000) + "), " + duckdb_literal(nothing_present(schema)) + ")";
  CHECK_OK(connection.execute(sql, logging(schema)));
  return ok();
}

}  // namespace luge
