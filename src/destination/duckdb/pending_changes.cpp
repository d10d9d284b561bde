#include "destination/duckdb/pending_changes.h"

#include <charconv>

#include "destination/duckdb/row_stage.h"
#include "destination/duckdb/vector_writer.h"
#include "model/chunk_codec.h"

namespace luge {

namespace {

constexpr std::string_view kKeeping = "keeping changes of a table that is being copied";
constexpr std::string_view kReplaying = "applying the changes that were kept during a copy";
constexpr std::uint64_t kReplayBytes = 8U << 20;

std::uint64_t number(const std::optional<std::string>& text) {
  std::uint64_t value = 0;
  if (text) std::from_chars(text->data(), text->data() + text->size(), value);
  return value;
}

std::string pending(const DuckdbConnection& connection) { return connection.database().qualified("_luge", "pending"); }

std::string of_table(RelationOid oid, Attempt attempt) { return " WHERE oid = " + std::to_string(oid) + " AND attempt = " + std::to_string(attempt); }

}  // namespace

Status PendingChanges::open(DuckdbConnection& connection) {
  TRY(auto rows, connection.rows("SELECT coalesce(max(seq), 0)::VARCHAR FROM " + pending(connection), "opening the mirror"));
  next_sequence_ = number(rows.at(0).at(0)) + 1;
  return ok();
}

Status PendingChanges::add(DuckdbConnection& connection, Attempt attempt, Epoch epoch, const TableChunk& chunk) {
  Buffer payload;
  encode_chunk(chunk, payload);
  Stage stage;
  stage.rows = 1;
  stage.columns.push_back({"payload", LogicalType(duckdb_create_logical_type(DUCKDB_TYPE_BLOB)),
                           [&payload](std::size_t, std::size_t, duckdb_vector out) { write_string(payload.as<char>(), payload.size(), out, 0); }});
  const std::string head = "INSERT INTO " + pending(connection) + " SELECT " + std::to_string(chunk.schema->oid) + ", " + std::to_string(attempt) +
                           ", " + std::to_string(next_sequence_++) + ", 'rows', " + std::to_string(epoch) + ", NULL, NULL, NULL, NULL, payload FROM ";
  CHECK_OK(connection.execute_with(
      stage, [&](const std::string& from) { return head + from; }, kKeeping));
  return ok();
}

Status PendingChanges::add(DuckdbConnection& connection, Attempt attempt, const Truncate& truncate) {
  CHECK_OK(connection.execute("INSERT INTO " + pending(connection) + " VALUES (" + std::to_string(truncate.oid) + ", " + std::to_string(attempt) +
                                  ", " + std::to_string(next_sequence_++) + ", 'truncate', " + std::to_string(truncate.position.epoch) + ", " +
                                  std::to_string(truncate.position.commit_lsn.value) + ", " + std::to_string(truncate.position.ordinal) + ", " +
                                  std::to_string(truncate.xid) + ", " + std::to_string(truncate.commit_time.micros) + ", NULL)",
                              kKeeping));
  return ok();
}

Status PendingChanges::forget_before(DuckdbConnection& connection, RelationOid oid, Attempt attempt) {
  CHECK_OK(
      connection.execute("DELETE FROM " + pending(connection) + " WHERE oid = " + std::to_string(oid) + " AND attempt < " + std::to_string(attempt),
                         "forgetting changes kept for an older copy"));
  return ok();
}

Status PendingChanges::replay(DuckdbConnection& connection, RelationOid oid, Attempt attempt, const Visitor& visitor) {
  TRY(const auto sizes, connection.rows("SELECT seq::VARCHAR, coalesce(octet_length(payload), 0)::VARCHAR FROM " + pending(connection) +
                                            of_table(oid, attempt) + " ORDER BY seq",
                                        kReplaying));
  for (std::size_t begin = 0; begin < sizes.size();) {
    std::size_t end = begin;
    for (std::uint64_t bytes = 0; end < sizes.size() && (end == begin || bytes + number(sizes[end][1]) <= kReplayBytes); ++end)
      bytes += number(sizes[end][1]);
    TRY(const auto rows,
        connection.rows("SELECT kind, epoch::VARCHAR, commit_lsn::VARCHAR, ordinal::VARCHAR, xid::VARCHAR, commit_time::VARCHAR, payload FROM " +
                            pending(connection) + of_table(oid, attempt) + " AND seq BETWEEN " + *sizes[begin][0] + " AND " + *sizes[end - 1][0] +
                            " ORDER BY seq",
                        kReplaying));
    for (const auto& row : rows) {
      const auto epoch = static_cast<Epoch>(number(row[1]));
      if (row[0] == "truncate") {
        std::int64_t commit_time = 0;
        if (row[5]) std::from_chars(row[5]->data(), row[5]->data() + row[5]->size(), commit_time);
        CHECK_OK(
            visitor.truncate({oid, {Route::Kind::pending, attempt}, {epoch, Lsn{number(row[2])}, number(row[3])}, number(row[4]), {commit_time}}));
      } else {
        auto chunk = decode_chunk(row[6].value_or(""));
        if (!chunk) return fatal("corrupt", "a change kept in _luge.pending cannot be read: " + chunk.error().what, "resync the table");
        CHECK_OK(visitor.rows(epoch, std::move(*chunk)));
      }
    }
    begin = end;
  }
  return ok();
}

}  // namespace luge
