#include "service/catalog/catalog_migration.h"

namespace luge {

namespace {

std::string counted(const std::string& table) {
  return "CREATE TRIGGER counted BEFORE INSERT OR UPDATE ON _luge." + table +
         " FOR EACH ROW EXECUTE FUNCTION _luge.count_row_change();"
         "CREATE TRIGGER counted_deletion AFTER DELETE ON _luge." +
         table +
         " FOR EACH ROW EXECUTE FUNCTION _luge.count_deletion();"
         "CREATE TRIGGER counted_truncation AFTER TRUNCATE ON _luge." +
         table + " FOR EACH STATEMENT EXECUTE FUNCTION _luge.count_deletion();";
}

// The schema is luge's own (_luge), so that a catalog in a source's database is not replicated itself. Sessions have search_path = pg_catalog.
// No foreign keys and no checks of values: a row that makes no sense stops its own pipeline and says so in pipeline_status. The functions
// count and notify with their owner's rights: who may change a pipeline need not be able to write the count.
std::string catalog_tables() {
  const std::string stamps = "version bigint NOT NULL DEFAULT 0, updated_at timestamptz NOT NULL DEFAULT pg_catalog.now()";
  return "CREATE TABLE _luge.catalog_revision(id smallint PRIMARY KEY CHECK (id = 1), revision bigint NOT NULL);"
         "INSERT INTO _luge.catalog_revision VALUES (1, 1);"
         "CREATE TABLE _luge.source(name text PRIMARY KEY, conninfo text NOT NULL, options jsonb NOT NULL DEFAULT '{}', " +
         stamps +
         ");"
         "CREATE TABLE _luge.destination(name text PRIMARY KEY, address text NOT NULL, options jsonb NOT NULL DEFAULT '{}', " +
         stamps +
         ");"
         "CREATE TABLE _luge.pipeline(name text PRIMARY KEY, source text NOT NULL, destination text NOT NULL, "
         "publication text NOT NULL DEFAULT '', tables text NOT NULL DEFAULT '', mode text NOT NULL DEFAULT 'mirror', "
         "batch_max_size bigint, batch_max_fill_ms bigint, desired text NOT NULL DEFAULT 'START', options jsonb NOT NULL DEFAULT '{}', " +
         stamps +
         ");"
         "CREATE TABLE _luge.pipeline_status(pipeline text PRIMARY KEY, state text NOT NULL, reason text NOT NULL, error_code text NOT NULL, "
         "error text NOT NULL, hint text NOT NULL, server_lsn pg_lsn, received_lsn pg_lsn, durable_lsn pg_lsn, acknowledged_lsn pg_lsn, "
         "lag_bytes bigint, lag_seconds float8, tables bigint NOT NULL, quarantined bigint NOT NULL, restarts bigint NOT NULL, owner text NOT NULL, "
         "fence bigint NOT NULL, heartbeat_at timestamptz NOT NULL) WITH (fillfactor = 50);"
         "CREATE FUNCTION _luge.count_row_change() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$ "
         "BEGIN "
         "UPDATE _luge.catalog_revision SET revision = revision + 1 RETURNING revision INTO NEW.version; "
         "NEW.updated_at := pg_catalog.clock_timestamp(); "
         "PERFORM pg_catalog.pg_notify('luge_catalog', ''); "
         "RETURN NEW; "
         "END $$;"
         "CREATE FUNCTION _luge.count_deletion() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$ "
         "BEGIN "
         "UPDATE _luge.catalog_revision SET revision = revision + 1; "
         "PERFORM pg_catalog.pg_notify('luge_catalog', ''); "
         "RETURN NULL; "
         "END $$;" +
         counted("source") + counted("destination") + counted("pipeline");
}

constexpr const char* kLeaseTables =
    "CREATE TABLE _luge.pipeline_lease(pipeline text PRIMARY KEY, owner text NOT NULL, fence bigint NOT NULL, expires_at timestamptz NOT NULL) "
    "WITH (fillfactor = 50);"
    "CREATE TABLE _luge.service_instance(owner text PRIMARY KEY, expires_at timestamptz NOT NULL) WITH (fillfactor = 50);";

constexpr const char* kAlertTable = "CREATE TABLE _luge.alert(key text PRIMARY KEY, scope text NOT NULL, document text NOT NULL);";

}  // namespace

const std::vector<CatalogMigration>& postgres_migrations() {
  static const std::vector<CatalogMigration> all{{1, "catalog", catalog_tables()}, {2, "leases", kLeaseTables}, {3, "alerts", kAlertTable}};
  return all;
}

}  // namespace luge
