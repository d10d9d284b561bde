#include "destination/duckdb/mirror_catalog.h"

#include <charconv>

#include "model/chunk_codec.h"

namespace luge {

namespace {

constexpr std::string_view kFormat = "1";
constexpr std::string_view kOpening = "opening the mirror";

std::uint64_t number(const std::optional<std::string>& text) {
  std::uint64_t value = 0;
  if (text) std::from_chars(text->data(), text->data() + text->size(), value);
  return value;
}

std::int64_t signed_number(const std::string& text) {
  std::int64_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

std::string text_or_null(const std::optional<std::string>& text) { return text ? duckdb_literal(*text) : "NULL"; }

std::string mode_name(bool log_mode) { return log_mode ? "log" : "mirror"; }

/// Fully qualified: a file called _luge.duckdb would make "_luge" ambiguous.
std::string own(const DuckdbConnection& connection, std::string_view table) { return connection.database().qualified("_luge", table); }

Error foreign(const DuckdbConnection& connection, const std::string& what, const std::string& hint) {
  return needs_operator("foreign", connection.database().path() + " " + what, hint);
}

}  // namespace

Result<MirrorCatalog::Identity> MirrorCatalog::open(DuckdbConnection& connection, const OpenRequest& request) {
  CHECK_OK(connection.begin());
  const auto work = [&]() -> Result<Identity> {
    Identity identity;
    TRY(auto own_tables,
        connection.rows("SELECT table_name FROM duckdb_tables() WHERE database_name = current_catalog() AND schema_name = '_luge'", kOpening));
    if (own_tables.empty()) CHECK_OK(create(connection, request));
    CHECK_OK(check(connection, request, identity));
    CHECK_OK(load_tables(connection));
    CHECK_OK(prune_checkpoints(connection));
    CHECK_OK(connection.commit());
    return identity;
  };
  auto identity = work();
  if (!identity) connection.rollback();
  undo_.clear();
  return identity;
}

Status MirrorCatalog::create(DuckdbConnection& connection, const OpenRequest& request) {
  TRY(auto others,
      connection.rows(
          "SELECT schema_name || '.' || table_name FROM duckdb_tables() WHERE database_name = current_catalog() AND NOT internal ORDER BY 1 LIMIT 1",
          kOpening));
  if (!others.empty()) {
    return foreign(connection, "holds tables that luge did not make (" + others[0][0].value_or("") + ")",
                   "choose a new file: luge keeps a mirror for itself");
  }
  CHECK_OK(connection.execute("CREATE SCHEMA IF NOT EXISTS " + duckdb_identifier(connection.database().catalog()) + "._luge", kOpening));
  CHECK_OK(connection.execute("CREATE TABLE " + own(connection, "meta") + " (key VARCHAR, value VARCHAR)", kOpening));
  CHECK_OK(connection.execute("CREATE TABLE " + own(connection, "checkpoint") +
                                  " (epoch UINTEGER, commit_lsn UBIGINT, end_lsn UBIGINT, ack_intent UBIGINT, fence UBIGINT, written_at TIMESTAMPTZ, "
                                  "witness_lsn UBIGINT, witness_time BIGINT)",
                              kOpening));
  CHECK_OK(connection.execute(
      "CREATE TABLE " + own(connection, "tables") +
          " (oid UINTEGER, schema_name VARCHAR, table_name VARCHAR, state VARCHAR, attempt UINTEGER, shape VARCHAR, snapshot VARCHAR, "
          "file_node UINTEGER, target_schema VARCHAR, target_table VARCHAR, quarantine_code VARCHAR, quarantine_reason VARCHAR, "
          "quarantine_column VARCHAR, quarantine_type VARCHAR, quarantine_epoch UINTEGER, quarantine_lsn UBIGINT, "
          "quarantine_ordinal UBIGINT, quarantine_fix VARCHAR)",
      kOpening));
  CHECK_OK(connection.execute("CREATE TABLE " + own(connection, "pending") +
                                  " (oid UINTEGER, attempt UINTEGER, seq UBIGINT, kind VARCHAR, epoch UINTEGER, commit_lsn UBIGINT, ordinal UBIGINT, "
                                  "xid UBIGINT, commit_time BIGINT, payload BLOB)",
                              kOpening));
  CHECK_OK(connection.execute("INSERT INTO " + own(connection, "meta") + " VALUES ('format', " + duckdb_literal(kFormat) +
                                  "), ('uuid', uuid()::VARCHAR), ('pipeline', " + duckdb_literal(request.pipeline) + "), ('mode', " +
                                  duckdb_literal(mode_name(request.log_mode)) + "), ('source', " + duckdb_literal(request.source_description) +
                                  "), ('fence', '0')",
                              kOpening));
  return ok();
}

Status MirrorCatalog::check(DuckdbConnection& connection, const OpenRequest& request, Identity& identity) {
  std::map<std::string, std::string> meta;
  TRY(auto rows, connection.rows("SELECT key, value FROM " + own(connection, "meta"), kOpening));
  for (const auto& row : rows) meta[row[0].value_or("")] = row[1].value_or("");
  if (meta["format"] != kFormat)
    return foreign(connection, "was written by another version of luge (format " + meta["format"] + ")", "use that version, or a new file");
  if (meta["pipeline"] != request.pipeline) {
    return foreign(connection, "belongs to pipeline " + meta["pipeline"] + ", not " + request.pipeline,
                   "name it with --pipeline " + meta["pipeline"] + ", or choose another file");
  }
  if (meta["mode"] != mode_name(request.log_mode)) {
    return needs_operator("mode", connection.database().path() + " was made with --mode " + meta["mode"],
                          "run with --mode " + meta["mode"] + ", or choose another file");
  }
  const Fence stored = number(meta["fence"]);
  if (stored > request.fence) {
    return needs_operator("fenced",
                          connection.database().path() + " was taken over by a newer luge (fence " + std::to_string(stored) + ", ours is " +
                              std::to_string(request.fence) + ")",
                          "stop this one; only the newest owner may write");
  }
  CHECK_OK(connection.execute("DELETE FROM " + own(connection, "meta") + " WHERE key IN ('fence', 'source')", kOpening));
  CHECK_OK(connection.execute("INSERT INTO " + own(connection, "meta") + " VALUES ('fence', '" + std::to_string(request.fence) + "'), ('source', " +
                                  duckdb_literal(request.source_description) + ")",
                              kOpening));
  // A file of before the witness was kept.
  for (const char* column : {"witness_lsn UBIGINT", "witness_time BIGINT"})
    CHECK_OK(connection.execute("ALTER TABLE " + own(connection, "checkpoint") + " ADD COLUMN IF NOT EXISTS " + column, kOpening));
  identity.uuid = meta["uuid"];
  identity.catalog_memory = meta["catalog"];
  identity.newest_epoch = static_cast<Epoch>(number(meta["epoch"]));
  TRY(auto newest, connection.rows("SELECT epoch::VARCHAR, commit_lsn::VARCHAR, end_lsn::VARCHAR, ack_intent::VARCHAR, witness_lsn::VARCHAR, "
                                   "witness_time::VARCHAR FROM " +
                                       own(connection, "checkpoint") +
                                       " ORDER BY epoch DESC, commit_lsn DESC, end_lsn DESC, ack_intent DESC, witness_lsn DESC LIMIT 1",
                                   kOpening));
  if (!newest.empty()) {
    identity.checkpoint = {static_cast<Epoch>(number(newest[0][0])), Lsn{number(newest[0][1])}, Lsn{number(newest[0][2])}};
    identity.intent = Lsn{number(newest[0][3])};
    if (newest[0][4] && newest[0][5]) identity.checkpoint.witness = {Lsn{number(newest[0][4])}, {signed_number(*newest[0][5])}};
  }
  return ok();
}

Status MirrorCatalog::load_tables(DuckdbConnection& connection) {
  tables_.clear();
  TRY(auto rows,
      connection.rows("SELECT oid::VARCHAR, schema_name, table_name, state, attempt::VARCHAR, shape, snapshot, file_node::VARCHAR, target_schema, "
                      "target_table, quarantine_code, quarantine_reason, quarantine_column, quarantine_type, quarantine_epoch::VARCHAR, "
                      "quarantine_lsn::VARCHAR, quarantine_ordinal::VARCHAR, quarantine_fix FROM " +
                          own(connection, "tables"),
                      kOpening));
  for (const auto& row : rows) {
    MirrorTable table;
    TableRecord& record = table.record;
    record.oid = static_cast<RelationOid>(number(row[0]));
    record.name = {row[1].value_or(""), row[2].value_or("")};
    const auto state = parse_table_state(row[3].value_or(""));
    if (!state) return fatal("corrupt", "_luge.tables holds an unknown state of " + to_string(record.name));
    record.state = *state;
    record.attempt = static_cast<Attempt>(number(row[4]));
    if (row[5]) {
      auto shape = decode_schema(*row[5]);
      if (!shape) return fatal("corrupt", "_luge.tables holds a shape of " + to_string(record.name) + " that cannot be read: " + shape.error().what);
      record.schema = std::move(*shape);
    }
    if (row[6]) record.snapshot = Snapshot::parse(*row[6]);
    record.file_node = static_cast<std::uint32_t>(number(row[7]));
    table.target = {row[8].value_or(""), row[9].value_or("")};
    if (row[10]) {
      record.quarantine = Quarantine{*row[10],
                                     row[11].value_or(""),
                                     row[12].value_or(""),
                                     row[13].value_or(""),
                                     {static_cast<Epoch>(number(row[14])), Lsn{number(row[15])}, number(row[16])},
                                     row[17].value_or("")};
    }
    tables_[record.oid] = std::move(table);
  }
  return ok();
}

Status MirrorCatalog::check_fence(DuckdbConnection& connection, Fence fence) {
  TRY(auto rows, connection.rows("SELECT value FROM " + own(connection, "meta") + " WHERE key = 'fence'", "checking the fence"));
  const std::uint64_t stored = rows.empty() ? 0 : number(rows[0][0]);
  if (stored == fence && !rows.empty()) return ok();
  return needs_operator(
      "fenced",
      connection.database().path() + " was taken over by another luge (fence " + std::to_string(stored) + ", ours is " + std::to_string(fence) + ")",
      "stop this one; only the newest owner may write");
}

Status MirrorCatalog::write_checkpoint(DuckdbConnection& connection, const Checkpoint& checkpoint, Lsn intent, Fence fence) {
  CHECK_OK(connection.execute("INSERT INTO " + own(connection, "checkpoint") + " VALUES (" + std::to_string(checkpoint.epoch) + ", " +
                                  std::to_string(checkpoint.commit_lsn.value) + ", " + std::to_string(checkpoint.end_lsn.value) + ", " +
                                  std::to_string(intent.value) + ", " + std::to_string(fence) + ", now(), " +
                                  std::to_string(checkpoint.witness.commit_lsn.value) + ", " + std::to_string(checkpoint.witness.commit_time.micros) +
                                  ")",
                              "writing the checkpoint"));
  return ok();
}

Status MirrorCatalog::remember(DuckdbConnection& connection, const std::string& catalog_memory) {
  constexpr std::string_view doing = "storing what is known of the source's catalog";
  CHECK_OK(connection.execute("DELETE FROM " + own(connection, "meta") + " WHERE key = 'catalog'", doing));
  CHECK_OK(connection.execute("INSERT INTO " + own(connection, "meta") + " VALUES ('catalog', " + duckdb_literal(catalog_memory) + ")", doing));
  return ok();
}

Status MirrorCatalog::begin_epoch(DuckdbConnection& connection, Epoch epoch) {
  constexpr std::string_view doing = "beginning again";
  CHECK_OK(connection.execute("DELETE FROM " + own(connection, "meta") + " WHERE key = 'epoch'", doing));
  CHECK_OK(connection.execute("INSERT INTO " + own(connection, "meta") + " VALUES ('epoch', '" + std::to_string(epoch) + "')", doing));
  return ok();
}

Status MirrorCatalog::prune_checkpoints(DuckdbConnection& connection) {
  const std::string table = own(connection, "checkpoint");
  const std::string place = "row(epoch, commit_lsn, end_lsn, ack_intent)";
  CHECK_OK(connection.execute("DELETE FROM " + table + " WHERE " + place + " < (SELECT max(" + place + ") FROM " + table + ")",
                              "removing old checkpoints"));
  return ok();
}

MirrorTable* MirrorCatalog::find(RelationOid oid) {
  const auto found = tables_.find(oid);
  return found == tables_.end() ? nullptr : &found->second;
}

Status MirrorCatalog::save(DuckdbConnection& connection, MirrorTable table) {
  const TableRecord& record = table.record;
  const std::string doing = "storing the state of " + to_string(record.name);
  const auto text = [](const std::string& value) { return duckdb_literal(value); };
  std::string values = std::to_string(record.oid) + ", " + text(record.name.schema) + ", " + text(record.name.table) + ", " +
                       text(std::string(to_string(record.state))) + ", " + std::to_string(record.attempt) + ", " +
                       (record.schema ? text(encode_schema(*record.schema)) : "NULL") + ", " +
                       text_or_null(record.snapshot ? std::optional(to_string(*record.snapshot)) : std::nullopt) + ", " +
                       std::to_string(record.file_node) + ", " + text(table.target.schema) + ", " + text(table.target.table);
  if (record.quarantine) {
    const Quarantine& why = *record.quarantine;
    values += ", " + text(why.code) + ", " + text(why.reason) + ", " + text(why.column) + ", " + text(why.type) + ", " +
              std::to_string(why.position.epoch) + ", " + std::to_string(why.position.commit_lsn.value) + ", " +
              std::to_string(why.position.ordinal) + ", " + text(why.fix);
  } else {
    values += ", NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL";
  }
  CHECK_OK(connection.execute("DELETE FROM " + own(connection, "tables") + " WHERE oid = " + std::to_string(record.oid), doing));
  CHECK_OK(connection.execute("INSERT INTO " + own(connection, "tables") + " VALUES (" + values + ")", doing));
  const auto found = tables_.find(record.oid);
  undo_.try_emplace(record.oid, found == tables_.end() ? std::nullopt : std::optional(found->second));
  tables_[record.oid] = std::move(table);
  return ok();
}

void MirrorCatalog::rolled_back() {
  for (auto& [oid, before] : undo_) {
    if (before) {
      tables_[oid] = std::move(*before);
    } else {
      tables_.erase(oid);
    }
  }
  undo_.clear();
}

}  // namespace luge
