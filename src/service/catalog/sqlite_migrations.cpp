#include "service/catalog/catalog_migration.h"

namespace luge {

namespace {

/// Triggers that count every change of what operators write, whoever makes it, and stamp the row with the count. `columns` are the operator's.
std::string counted(const std::string& table, const std::string& columns) {
  const std::string count = "UPDATE catalog_revision SET revision = revision + 1;";
  const std::string stamp = "UPDATE " + table +
                            " SET version = (SELECT revision FROM catalog_revision), updated_at = datetime('now') "
                            "WHERE rowid = NEW.rowid;";
  return "CREATE TRIGGER " + table + "_inserted AFTER INSERT ON " + table + " BEGIN " + count + stamp + " END;" + "CREATE TRIGGER " + table +
         "_updated AFTER UPDATE OF " + columns + " ON " + table + " BEGIN " + count + stamp + " END;" + "CREATE TRIGGER " + table +
         "_deleted AFTER DELETE ON " + table + " BEGIN " + count + " END;";
}

// No foreign keys and no checks of values: a row that makes no sense stops its own pipeline and says so in pipeline_status.
std::string catalog_tables() {
  const std::string stamps = "version INTEGER NOT NULL DEFAULT 0, updated_at TEXT NOT NULL DEFAULT (datetime('now'))";
  return "CREATE TABLE catalog_revision(id INTEGER PRIMARY KEY CHECK (id = 1), revision INTEGER NOT NULL) STRICT;"
         "INSERT INTO catalog_revision VALUES (1, 1);"
         "CREATE TABLE source(name TEXT PRIMARY KEY NOT NULL, conninfo TEXT NOT NULL, options TEXT NOT NULL DEFAULT '{}', " +
         stamps +
         ") STRICT;"
         "CREATE TABLE destination(name TEXT PRIMARY KEY NOT NULL, address TEXT NOT NULL, options TEXT NOT NULL DEFAULT '{}', " +
         stamps +
         ") STRICT;"
         "CREATE TABLE pipeline(name TEXT PRIMARY KEY NOT NULL, source TEXT NOT NULL, destination TEXT NOT NULL, "
         "publication TEXT NOT NULL DEFAULT '', tables TEXT NOT NULL DEFAULT '', mode TEXT NOT NULL DEFAULT 'mirror', "
         "batch_max_size INTEGER, batch_max_fill_ms INTEGER, desired TEXT NOT NULL DEFAULT 'START', options TEXT NOT NULL DEFAULT '{}', " +
         stamps +
         ") STRICT;"
         "CREATE TABLE pipeline_status(pipeline TEXT PRIMARY KEY NOT NULL, state TEXT NOT NULL, reason TEXT NOT NULL, error_code TEXT NOT NULL, "
         "error TEXT NOT NULL, hint TEXT NOT NULL, server_lsn TEXT, received_lsn TEXT, durable_lsn TEXT, acknowledged_lsn TEXT, "
         "lag_bytes INTEGER, lag_seconds REAL, tables INTEGER NOT NULL, quarantined INTEGER NOT NULL, restarts INTEGER NOT NULL, owner TEXT NOT "
         "NULL, "
         "fence INTEGER NOT NULL, heartbeat_at TEXT NOT NULL) STRICT;" +
         counted("source", "name, conninfo, options") + counted("destination", "name, address, options") +
         counted("pipeline", "name, source, destination, publication, tables, mode, batch_max_size, batch_max_fill_ms, desired, options");
}

constexpr const char* kLeaseTables =
    "CREATE TABLE pipeline_lease(pipeline TEXT PRIMARY KEY NOT NULL, owner TEXT NOT NULL, fence INTEGER NOT NULL, "
    "expires_at_ms INTEGER NOT NULL) STRICT;"
    "CREATE TABLE service_instance(owner TEXT PRIMARY KEY NOT NULL, expires_at_ms INTEGER NOT NULL) STRICT;";

constexpr const char* kAlertTable = "CREATE TABLE alert(key TEXT PRIMARY KEY NOT NULL, scope TEXT NOT NULL, document TEXT NOT NULL) STRICT;";

}  // namespace

const std::vector<CatalogMigration>& sqlite_migrations() {
  static const std::vector<CatalogMigration> all{{1, "catalog", catalog_tables()}, {2, "leases", kLeaseTables}, {3, "alerts", kAlertTable}};
  return all;
}

}  // namespace luge
