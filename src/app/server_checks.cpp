#include "app/server_checks.h"

#include <array>
#include <fmt/format.h>

namespace luge {

namespace {

constexpr int kOldestVersion = 130000;

/// Minor releases in which a defect is fixed, for majors 13 to 18; 0: that major is not affected or never got the fix.
struct Advisory {
  std::array<int, 6> fixed_in;
  std::string_view effect;
};
constexpr std::array kAdvisories{
    Advisory{{14, 11, 6, 2, 0, 0}, "columns added with a constant default can be sent as NULL"},
    Advisory{{16, 13, 8, 4, 0, 0}, "a new slot can start inside a transaction and decode it wrongly"},
    Advisory{{18, 15, 10, 6, 2, 0}, "a slot's restart position can go back"},
    Advisory{{21, 18, 13, 9, 5, 0}, "changes can be lost or garbled after DDL that takes a weak lock, such as ALTER PUBLICATION"},
    Advisory{{22, 19, 14, 10, 6, 0}, "WAL that a slot needs can be removed too early"},
    Advisory{{0, 23, 18, 14, 10, 4}, "stopping the server can wait for ever for a walsender"},
};

}  // namespace

std::string version_text(int version) { return fmt::format("{}.{}", version / 10000, version % 10000); }

Result<ServerFacts> read_server_facts(Connection& sql) {
  ServerFacts facts;
  facts.version = sql.server_version();
  if (facts.version < kOldestVersion) return facts;  // older servers lack columns asked for below
  TRY(const QueryResult row, sql.query(R"(
      SELECT current_setting('wal_level'), pg_is_in_recovery(),
             current_setting('max_replication_slots'), (SELECT count(*) FROM pg_replication_slots),
             current_setting('max_wal_senders'), (SELECT count(*) FROM pg_stat_replication),
             r.rolname,
             r.rolsuper OR r.rolreplication
               OR EXISTS (SELECT FROM pg_roles g WHERE g.rolname = 'rds_replication' AND pg_has_role(r.oid, g.oid, 'MEMBER')),
             has_database_privilege(current_database(), 'CREATE'),
             coalesce(current_setting('output_plugin_libraries', true), ''),
             current_setting('max_slot_wal_keep_size'),
             coalesce(current_setting('idle_replication_slot_timeout', true), ''),
             current_setting('server_encoding'), current_database()
      FROM pg_roles r WHERE r.rolname = current_user)"));
  if (row.rows() != 1) return fatal("role", "the server does not show luge's own role in pg_roles");
  facts.wal_level = row.string(0, 0);
  facts.in_recovery = row.boolean(0, 1);
  facts.max_replication_slots = row.number<int>(0, 2);
  facts.used_replication_slots = row.number<int>(0, 3);
  facts.max_wal_senders = row.number<int>(0, 4);
  facts.used_wal_senders = row.number<int>(0, 5);
  facts.role = row.string(0, 6);
  facts.may_replicate = row.boolean(0, 7);
  facts.may_create_publication = row.boolean(0, 8);
  facts.output_plugins = row.string(0, 9);
  facts.max_slot_wal_keep = row.string(0, 10);
  facts.idle_slot_timeout = row.string(0, 11);
  facts.encoding = row.string(0, 12);
  facts.database = row.string(0, 13);
  return facts;
}

std::vector<Check> check_server(const ServerFacts& facts, bool slot_exists) {
  if (facts.version < kOldestVersion) {
    return {problem("version", "the server is PostgreSQL " + version_text(facts.version) + ", luge needs 13 or later", "upgrade the server")};
  }
  std::vector<Check> checks{good("version", "PostgreSQL " + version_text(facts.version))};
  if (facts.in_recovery)
    checks.push_back(problem("standby", "the server is a standby; luge copies and follows the primary", "connect to the primary"));
  if (facts.wal_level == "logical") {
    checks.push_back(good("wal_level", "wal_level is logical"));
  } else {
    checks.push_back(
        problem("wal_level", "wal_level is " + facts.wal_level + ", so the WAL does not hold what luge reads",
                "ALTER SYSTEM SET wal_level = logical;  -- then restart the server\n"
                "on RDS and Aurora: rds.logical_replication = 1 in the parameter group; on Cloud SQL: the flag cloudsql.logical_decoding"));
  }
  if (facts.may_replicate) {
    checks.push_back(good("role", "role " + facts.role + " may replicate"));
  } else {
    checks.push_back(problem("role", "role " + facts.role + " may not replicate",
                             "ALTER ROLE " + facts.role + " REPLICATION;  -- on RDS: GRANT rds_replication TO " + facts.role + ";"));
  }
  if (!slot_exists && facts.used_replication_slots >= facts.max_replication_slots) {
    checks.push_back(
        problem("slots", fmt::format("all {} replication slots are taken", facts.max_replication_slots),
                "ALTER SYSTEM SET max_replication_slots = " + std::to_string(facts.max_replication_slots + 4) + ";  -- then restart the server"));
  } else {
    checks.push_back(good("slots", fmt::format("{} of {} replication slots are taken", facts.used_replication_slots, facts.max_replication_slots)));
  }
  if (facts.used_wal_senders >= facts.max_wal_senders) {
    checks.push_back(problem("wal_senders", fmt::format("all {} WAL senders are taken", facts.max_wal_senders),
                             "ALTER SYSTEM SET max_wal_senders = " + std::to_string(facts.max_wal_senders + 4) + ";  -- then restart the server"));
  }
  if (!facts.output_plugins.empty() && facts.output_plugins.find("pgoutput") == std::string::npos) {
    checks.push_back(problem("output_plugin", "the setting output_plugin_libraries does not allow pgoutput",
                             "add pgoutput to output_plugin_libraries and reload"));
  }
  if (facts.max_slot_wal_keep == "-1") {
    checks.push_back(note("wal_keep", "while luge is down the server keeps WAL for it without limit",
                          "ALTER SYSTEM SET max_slot_wal_keep_size = '50GB';  -- beyond it the slot is given up and the tables are copied again"));
  }
  if (!facts.idle_slot_timeout.empty() && facts.idle_slot_timeout != "0") {
    checks.push_back(note(
        "idle_slot", "the server gives the slot up when luge is away for longer than idle_replication_slot_timeout = " + facts.idle_slot_timeout));
  }
  if (facts.encoding == "SQL_ASCII") {
    checks.push_back(warning("encoding", "the database is SQL_ASCII: a text that is not valid UTF-8 will stop its table"));
  }
  return checks;
}

std::vector<Check> check_minor_release(int version) {
  const int major = version / 10000;
  const int minor = version % 10000;
  if (major < 13 || major > 18) return {};
  std::string effects;
  int newest = 0;
  for (const Advisory& advisory : kAdvisories) {
    const int fixed_in = advisory.fixed_in[static_cast<std::size_t>(major - 13)];
    if (minor >= fixed_in) continue;
    effects += (effects.empty() ? "" : "; ") + std::string(advisory.effect);
    newest = std::max(newest, fixed_in);
  }
  if (effects.empty()) return {};
  return {warning("minor_release", fmt::format("PostgreSQL {}.{} has known defects in logical decoding: {}", major, minor, effects),
                  fmt::format("update to {}.{} or later", major, newest))};
}

}  // namespace luge
