#include <cstdio>
#include <nlohmann/json.hpp>

#include "app/preflight_report.h"
#include "app/snowflake/snowflake_checks.h"
#include "app/snowflake/snowflake_init.h"
#include "app/snowflake/snowflake_keys.h"
#include "app/snowflake/snowflake_session.h"
#include "app/snowflake/snowflake_settings.h"
#include "app/usage_error.h"
#include "app/verbs.h"

namespace luge {

namespace {

constexpr const char* kOwnName = "LUGE";
constexpr const char* kKeyFile = "luge_rsa_key.p8";

/// What was not chosen gets luge's usual name.
SnowflakeOptions with_defaults(SnowflakeOptions options, const Environment& environment) {
  for (std::string SnowflakeOptions::*name :
       {&SnowflakeOptions::user, &SnowflakeOptions::role, &SnowflakeOptions::database, &SnowflakeOptions::warehouse}) {
    if ((options.*name).empty()) options.*name = kOwnName;
  }
  if (options.private_key_file.empty()) options.private_key_file = kKeyFile;
  if (options.private_key_passphrase.empty()) options.private_key_passphrase = environment("LUGE_KEY_PASSPHRASE").value_or("");
  if (options.url.starts_with("http://")) options.transport = SnowflakeOptions::Transport::rest;  // the SDK speaks https only
  for (std::string SnowflakeOptions::*other :
       {&SnowflakeOptions::pat, &SnowflakeOptions::oauth_token, &SnowflakeOptions::oauth_client_id, &SnowflakeOptions::oauth_client_secret,
        &SnowflakeOptions::oauth_refresh_token, &SnowflakeOptions::oauth_token_endpoint, &SnowflakeOptions::oauth_scope}) {
    (options.*other).clear();
  }
  return options;
}

/// Who runs the statements.
Result<SnowflakeOptions> find_admin(const Options& options, const SnowflakeOptions& chosen, const Environment& environment) {
  SnowflakeOptions admin = chosen;
  admin.role = fold_identifier(options.admin_role);
  admin.user = fold_identifier(options.admin_user);
  admin.private_key_file = options.admin_key_file;
  admin.private_key_passphrase = environment("LUGE_ADMIN_KEY_PASSPHRASE").value_or("");
  admin.pat = environment("LUGE_ADMIN_PAT").value_or("");
  if (!admin.private_key_file.empty() && !admin.pat.empty())
    return usage_error("--admin-key-file and $LUGE_ADMIN_PAT are two ways to sign in", "give one of them");
  if (admin.private_key_file.empty() && admin.pat.empty())
    return usage_error(
        "--run needs an administrator to run the statements as",
        "give --admin-user and --admin-key-file, or a programmatic access token in $LUGE_ADMIN_PAT; or run what is printed without --run "
        "yourself");
  if (!admin.private_key_file.empty() && admin.user.empty())
    return usage_error("--admin-user is missing", "whose key is " + admin.private_key_file + "?");
  TRY(admin, complete_snowflake(std::move(admin)));
  admin.warehouse.clear();  // it may not be there yet
  return admin;
}

void print_json(const std::vector<InitStatement>& statements, const SnowflakeOptions& chosen, const InitKey& key, bool ran,
                const std::vector<Check>& checks) {
  nlohmann::ordered_json list = nlohmann::ordered_json::array();
  for (const InitStatement& statement : statements) list.push_back({{"sql", statement.sql}, {"comment", statement.comment}});
  nlohmann::ordered_json found = nlohmann::ordered_json::array();
  for (const Check& check : checks)
    found.push_back({{"check", check.name}, {"level", to_string(check.level)}, {"what", check.what}, {"fix", check.fix}});
  const nlohmann::ordered_json document{
      {"ran", ran},
      {"statements", list},
      {"key", {{"file", chosen.private_key_file}, {"created", key.created}, {"fingerprint", key.pair.fingerprint()}}},
      {"config", snowflake_section_yaml(chosen)},
      {"checks", found}};
  std::printf("%s\n", document.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace).c_str());
}

/// A comment of SQL, so that all that is printed is a script.
std::string commented(const std::string& text) {
  if (text.find("*/") == std::string::npos) return "/*\n" + text + "*/\n";
  std::string out = "-- ";
  for (const char c : text) out += c == '\n' ? "\n-- " : std::string(1, c);
  return out + "\n";
}

void print_text(const std::vector<InitStatement>& statements, const SnowflakeOptions& chosen, const InitKey& key, const Options& options) {
  std::printf("-- %s the key %s\n", key.created ? "made" : "kept", chosen.private_key_file.c_str());
  if (options.run_statements) {
    for (const InitStatement& statement : statements) std::printf("-- done: %s\n", statement.comment.c_str());
  } else {
    std::printf("-- run this in a worksheet as an administrator, or let luge run it with --run\n\n%s",
                init_script(statements, fold_identifier(options.admin_role)).c_str());
  }
  std::printf("\n-- for luge.yaml:\n%s", commented(snowflake_section_yaml(chosen)).c_str());
}

Result<ExitCode> init(const Options& options, const Environment& environment) {
  SnowflakeOptions chosen = with_defaults(options.snowflake.value_or(SnowflakeOptions{}), environment);
  SnowflakeOptions admin;
  if (options.run_statements) {
    TRY(admin, find_admin(options, chosen, environment));
    chosen.url = admin.url;
    chosen.account = admin.account;
  }
  TRY(const InitKey key, take_or_make_key(chosen.private_key_file, chosen.private_key_passphrase));
  if (chosen.account.empty() && chosen.url.empty()) chosen.account = "MYORG-MYACCOUNT";
  TRY(chosen, complete_snowflake(std::move(chosen)));
  const auto statements = init_statements(chosen, key.pair);
  std::vector<Check> checks;
  if (options.run_statements) {
    TRY(const auto session, SnowflakeSession::open(admin));
    CHECK_OK(run_init(session->sql(), statements));
    checks = check_snowflake(chosen);  // now as luge
  }
  if (options.json) {
    print_json(statements, chosen, key, options.run_statements, checks);
  } else {
    print_text(statements, chosen, key, options);
    if (options.run_statements) std::printf("\n%s", checks_text(checks, true).c_str());
  }
  return exit_code_of(checks);
}

}  // namespace

Result<ExitCode> snowflake_verb(const Options& options, const Environment& environment) {
  const std::string& what = options.arguments.front();
  if (what == "init") return init(options, environment);
  const std::string near = suggestion(what, {"init"});
  return usage_error("luge snowflake has no '" + what + "'", near.empty() ? "luge snowflake init" : near);
}

}  // namespace luge
