#include "app/snowflake/snowflake_init.h"

#include <cstring>
#include <filesystem>

#include "app/snowflake/snowflake_grants.h"
#include "destination/snowflake/ddl/identifier.h"
#include "state/private_path.h"

namespace luge {

namespace {

Status write_key_file(const std::string& path, const std::string& text) {
  const auto trouble = write_new_private_file(path, text);
  if (!trouble) return ok();
  return fatal("key_file", "cannot write " + path + ": " + std::strerror(trouble->number),
               "free space, or name another file with --private-key-file");
}

}  // namespace

std::vector<InitStatement> init_statements(const SnowflakeOptions& options, const KeyPair& key) {
  const std::string role = snowflake_identifier(options.role);
  const std::string user = snowflake_identifier(options.user);
  const std::string database = snowflake_identifier(options.database);
  std::vector<InitStatement> statements{{"A role of luge's own: all it may do is granted below.",
                                         "CREATE ROLE IF NOT EXISTS " + role + " COMMENT = 'luge: replication from PostgreSQL'"},
                                        {"The warehouse that merges. XSMALL is enough to begin with; it sleeps after a minute without work.",
                                         "CREATE WAREHOUSE IF NOT EXISTS " + snowflake_identifier(options.warehouse) +
                                             " WAREHOUSE_SIZE = XSMALL AUTO_SUSPEND = 60 AUTO_RESUME = TRUE INITIALLY_SUSPENDED = TRUE"},
                                        {"Where the tables go.", "CREATE DATABASE IF NOT EXISTS " + database}};
  if (!options.schema.empty())
    statements.push_back({"One schema for all tables.", "CREATE SCHEMA IF NOT EXISTS " + database + "." + snowflake_identifier(options.schema)});
  statements.push_back({"A service user: it has no password and cannot sign in to the web interface.",
                        "CREATE USER IF NOT EXISTS " + user + " TYPE = SERVICE DEFAULT_ROLE = " + role +
                            " DEFAULT_WAREHOUSE = " + snowflake_identifier(options.warehouse)});
  statements.push_back({"The public half of luge's key; its fingerprint is " + key.fingerprint() + ".",
                        "ALTER USER " + user + " SET RSA_PUBLIC_KEY = " + snowflake_literal(key.public_key())});
  statements.push_back({"The user takes the role.", "GRANT ROLE " + role + " TO USER " + user});
  for (const SnowflakeGrant& grant : needed_grants(options)) statements.push_back({"For this: " + grant.reason + ".", grant.sql(options.role)});
  return statements;
}

std::string init_script(const std::vector<InitStatement>& statements, const std::string& admin_role) {
  std::string out = "USE ROLE " + snowflake_identifier(admin_role) + ";\n";
  for (const InitStatement& statement : statements) out += "\n-- " + statement.comment + "\n" + statement.sql + ";\n";
  return out;
}

Result<InitKey> take_or_make_key(const std::string& path, const std::string& passphrase) {
  std::error_code ignored;
  if (std::filesystem::exists(std::filesystem::symlink_status(path, ignored))) {
    TRY(KeyPair pair, KeyPair::load(path, passphrase));
    return InitKey{std::move(pair), false};
  }
  TRY(KeyPair pair, KeyPair::generate());
  CHECK_OK(write_key_file(path, pair.private_pem(passphrase)));
  return InitKey{std::move(pair), true};
}

Status run_init(SqlClient& sql, const std::vector<InitStatement>& statements) {
  for (const InitStatement& one : statements) {
    SqlStatement statement;
    statement.text = one.sql;
    statement.timeout = std::chrono::minutes(1);
    auto ran = sql.run(statement);
    if (ran) continue;
    Error error = std::move(ran).error();
    // The verb and the object; a key is public, but long.
    error.what = one.sql.substr(0, 80) + (one.sql.size() > 80 ? "…" : "") + "\n" + error.what;
    if (error.hint.empty())
      error.hint = "the administrator needs a role that may do this: --admin-role ACCOUNTADMIN; what has run already is kept, so run it again";
    return error;
  }
  return ok();
}

}  // namespace luge
