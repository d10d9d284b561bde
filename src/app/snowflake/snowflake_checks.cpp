#include "app/snowflake/snowflake_checks.h"

#include <algorithm>
#include <ctime>
#include <nlohmann/json.hpp>

#include "app/option_value.h"
#include "app/snowflake/snowflake_grants.h"
#include "app/snowflake/snowflake_settings.h"
#include "destination/snowflake/auth/key_pair.h"
#include "destination/snowflake/ddl/identifier.h"
#include "destination/snowflake/rest/streaming_session.h"
#include "destination/snowflake/sdk/python_bridge.h"
#include "destination/snowflake/sdk/sdk_properties.h"

namespace luge {

namespace {

constexpr Duration kRequestTimeout = std::chrono::seconds(10);
constexpr Duration kStatementTimeout = std::chrono::seconds(15);
/// Snowflake looks at `iat` and `exp` of the key-pair token. luge's token begins at the local clock's now, so a clock that is ahead makes it
/// invalid; the tolerance is not documented, and a minute is what luge asks for.
constexpr Duration kMostClockDifference = std::chrono::seconds(60);
constexpr std::int64_t kUnixOfPostgresEpoch = 946'684'800;

std::string named(const std::string& name) { return snowflake_identifier(name); }

class SnowflakeExamination {
 public:
  SnowflakeExamination(const SnowflakeOptions& options, HttpClient& http, TokenSource& tokens, SqlClient& sql, const Clock& clock)
      : options_(options), http_(http), tokens_(tokens), sql_(sql), clock_(clock) {}

  std::vector<Check> run() {
    if (!reach_account() || !take_role()) return std::move(checks_);
    reach_ingest();
    if (see_schemas()) see_grants();
    see_warehouse();
    return std::move(checks_);
  }

 private:
  void add(Check check) { checks_.push_back(std::move(check)); }
  /// What was asked failed in a way of its own.
  bool failed(Check check) {
    add(std::move(check));
    return false;
  }

  std::string user() const { return options_.user.empty() ? "the user" : options_.user; }

  // Network, clock, sign-in ------------------------------------------------------------------------------------------

  Result<HttpResponse> ask_for_host(const AuthToken& token) {
    HttpRequest request;
    request.url = options_.url + "/v2/streaming/hostname";
    request.headers = {
        {"Authorization", "Bearer " + token.value}, {"X-Snowflake-Authorization-Token-Type", token.type}, {"Accept", "application/json"}};
    request.timeout = kRequestTimeout;
    return http_.send(request);
  }

  bool reach_account() {
    auto token = tokens_.token();
    if (!token) return failed(check_of(token.error()));
    auto response = ask_for_host(*token);
    // An OAuth token may be one that this process has had for a while.
    if (response && response->status == 401 && tokens_.refused(*token)) {
      token = tokens_.token();
      if (!token) return failed(check_of(token.error()));
      response = ask_for_host(*token);
    }
    if (!response) return failed(unreachable(response.error()));
    add(good("snowflake", options_.url + " answers"));
    const bool clock_is_right = check_clock(*response);
    if (response->status == 401) {
      // A wrong clock makes a right key look wrong.
      return clock_is_right ? failed(refused(*response)) : false;
    }
    if (!response->good()) return failed(unwelcome(*response));
    add(good("sign_in", "signed in as " + user() + (key_pair() ? " with a key" : " with a token")));
    ingest_host_ = parse_ingest_host(response->body).value_or("");
    return true;
  }

  bool key_pair() const { return !options_.private_key_file.empty(); }

  Check unreachable(const Error& error) const {
    Check check = check_of(error);
    if (error.code == "unresolved" && options_.url == snowflake_url(options_.account))
      check.fix = "check snowflake.account: its host is made from it. SELECT CURRENT_ORGANIZATION_NAME() || '-' || CURRENT_ACCOUNT_NAME(); says it";
    if (error.code == "unreachable" || error.code == "timeout")
      check.fix = "check the network and the firewall: luge needs HTTPS to this host and to the host it names for streaming";
    return check;
  }

  /// False: so wrong that nothing signed by it is taken.
  bool check_clock(const HttpResponse& response) {
    const auto difference = clock_difference(response.header("date"), clock_);
    if (!difference) return true;
    const Duration size(std::abs(difference->count()));
    if (size <= kMostClockDifference) {
      add(good("clock", "this machine's clock agrees with Snowflake's"));
      return true;
    }
    const std::string what =
        "this machine's clock is " + format_duration(size) + (difference->count() > 0 ? " ahead of" : " behind") + " Snowflake's";
    if (!key_pair()) {
      add(warning("clock", what, "timedatectl set-ntp true"));
      return true;
    }
    add(problem("clock", what + ", and a key's token is valid only around its time (at most " + format_duration(kMostClockDifference) + " apart)",
                "timedatectl set-ntp true"));
    return false;
  }

  static std::string code_of(const HttpResponse& response) {
    const auto body = nlohmann::json::parse(response.body, nullptr, false);
    std::string code = std::to_string(response.status);
    if (body.is_object() && body.contains("code") && body["code"].is_string()) code += " " + body["code"].get<std::string>();
    return code;
  }

  Check refused(const HttpResponse& response) const {
    if (!options_.oauth_client_id.empty()) {
      return problem(
          "auth",
          "Snowflake does not take the access token of the OAuth client " + options_.oauth_client_id + " (" + code_of(response) +
              "): the security integration does not know its issuer or audience, or maps it to no user",
          "as an administrator: SHOW SECURITY INTEGRATIONS; and DESC SECURITY INTEGRATION of the one that is meant; then the user it maps to");
    }
    if (!key_pair()) {
      return problem("auth", "Snowflake does not take the token (" + code_of(response) + "): it has expired, was revoked, or is of another account",
                     "make a new one: ALTER USER " + named(options_.user.empty() ? "LUGE" : options_.user) +
                         " ADD PROGRAMMATIC ACCESS TOKEN LUGE ROLE_RESTRICTION = '" + (options_.role.empty() ? "LUGE" : options_.role) +
                         "';  -- a service user needs a network policy for it");
    }
    const auto key = KeyPair::load(options_.private_key_file, options_.private_key_passphrase);
    if (!key) return check_of(key.error());
    return problem("auth",
                   "Snowflake does not take the key of user " + user() + " in account " + options_.account + " (" + code_of(response) +
                       "): the account or the user is another one, or the user has another key. The fingerprint of " + options_.private_key_file +
                       " is " + key->fingerprint(),
                   "compare it as an administrator: DESC USER " + named(options_.user) + ";  -- RSA_PUBLIC_KEY_FP\nand if it differs: ALTER USER " +
                       named(options_.user) + " SET RSA_PUBLIC_KEY = '" + key->public_key() + "';");
  }

  Check unwelcome(const HttpResponse& response) const {
    if (response.status == 403) {
      return problem(
          "forbidden",
          options_.url + " answers " + code_of(response) + ": a network policy keeps this machine or user out, or there is no such account",
          "SHOW NETWORK POLICIES; and check snowflake.account");
    }
    if (response.status == 404) {
      return problem("account", options_.url + " answers " + code_of(response) + ": there is no such account, or it has no Snowpipe Streaming",
                     "check snowflake.account; SELECT CURRENT_ORGANIZATION_NAME() || '-' || CURRENT_ACCOUNT_NAME(); says it");
    }
    return problem("snowflake", options_.url + " answers " + code_of(response), "try again; https://status.snowflake.com");
  }

  /// Rows go to a host of their own, which a firewall may not know. Any answer will do.
  void reach_ingest() {
    if (ingest_host_.empty()) return add(problem("ingest_host", options_.url + " names no host for streaming", "try again later"));
    HttpRequest request;
    request.url = ingest_url(options_.url, ingest_host_) + "/";
    request.timeout = kRequestTimeout;
    if (const auto response = http_.send(request); !response) {
      Check check = check_of(response.error());
      check.what = "rows are sent to another host, which does not answer: " + check.what;
      check.fix = "open HTTPS to " + ingest_host_ + " as well";
      add(std::move(check));
    }
  }

  // SQL --------------------------------------------------------------------------------------------------------------

  Result<SqlResult> ask(std::string text) {
    SqlStatement statement;
    statement.text = std::move(text);
    statement.timeout = kStatementTimeout;
    return sql_.run(statement);
  }

  bool take_role() {
    auto answer = ask("SELECT CURRENT_ROLE()");
    if (!answer) {
      const std::string& code = answer.error().code;
      // Signed in already, so it is the role that is refused.
      const bool is_role = !options_.role.empty() && (code == "auth" || code == "forbidden" || code == "390189" || code == "390186");
      return failed(is_role ? role_problem() : check_of(answer.error()));
    }
    if (!answer->rows.empty() && !answer->rows[0].empty()) role_ = answer->rows[0][0].value_or("");

    if (!options_.role.empty() && role_ != options_.role) return failed(role_problem());
    add(good("role", "the role is " + role_));
    return true;
  }

  Check role_problem() const {
    return problem("role", "user " + user() + " may not take the role " + options_.role + ", or there is none",
                   "GRANT ROLE " + named(options_.role) + " TO USER " + named(options_.user.empty() ? "LUGE" : options_.user) + ";");
  }

  /// True: the grants are worth a look.
  bool see_schemas() {
    const std::string& schema = options_.schema;
    const auto answer = ask("SHOW TERSE SCHEMAS IN DATABASE " + named(options_.database) +
                            (schema.empty() ? "" : " STARTS WITH " + snowflake_literal(schema)) + " LIMIT 1000");
    if (!answer) {
      if (!answer.error().code.starts_with("0020")) return failed(check_of(answer.error()));
      return failed(problem("database", "the role " + role_ + " sees no database " + options_.database,
                            "CREATE DATABASE IF NOT EXISTS " + named(options_.database) + ";\n" + grant_text()));
    }
    if (schema.empty()) {
      add(good("database", "the database " + options_.database + " is there"));
      return true;
    }
    if (!has_name(*answer, schema)) {
      return failed(problem("schema", "the role " + role_ + " sees no schema " + schema + " in the database " + options_.database,
                            "CREATE SCHEMA IF NOT EXISTS " + named(options_.database) + "." + named(schema) + ";\n" + grant_text() +
                                "\nor leave snowflake.schema out: luge then makes a schema for each of the source's"));
    }
    add(good("schema", "the schema " + options_.database + "." + schema + " is there"));
    return true;
  }

  std::string grant_text() const {
    std::string text;
    for (const SnowflakeGrant& grant : needed_grants(options_)) text += (text.empty() ? "" : "\n") + grant.sql(role_) + ";";
    return text;
  }

  static std::optional<std::size_t> column(const SqlResult& result, std::string_view name) {
    for (std::size_t i = 0; i < result.columns.size(); ++i) {
      if (result.columns[i].name == name) return i;
    }
    return std::nullopt;
  }
  static const std::vector<std::optional<std::string>>* row_of(const SqlResult& result, const std::string& name) {
    const auto at = column(result, "name");
    if (!at) return nullptr;
    const auto found = std::ranges::find_if(result.rows, [&](const auto& row) { return row.size() > *at && row[*at] == name; });
    return found == result.rows.end() ? nullptr : &*found;
  }
  static bool has_name(const SqlResult& result, const std::string& name) { return row_of(result, name) != nullptr; }

  void see_grants() {
    const auto found = find_missing_grants(sql_, options_, role_);
    if (!found) return add(note("grants", "the grants of role " + role_ + " cannot be looked at (" + found.error().code + ")"));
    if (found->missing.empty() && !found->certain) return;
    if (found->missing.empty()) return add(good("grants", "the role " + role_ + " may create what luge needs"));
    std::string what;
    std::string fix;
    for (const SnowflakeGrant& grant : found->missing) {
      what += (what.empty() ? "" : ", ") + grant.privileges + " on " + grant.object + " " + grant.name.back();
      fix += (fix.empty() ? "" : "\n") + grant.sql(role_) + ";";
    }
    if (found->certain) return add(problem("grants", "the role " + role_ + " has not: " + what, fix));
    add(note("grants", "luge could not see whether the role " + role_ + " has: " + what, fix));
  }

  void see_warehouse() {
    std::string pattern;
    for (const char c : options_.warehouse) pattern += (c == '_' || c == '%' || c == '\\' ? "\\" : "") + std::string(1, c);
    const auto answer = ask("SHOW WAREHOUSES LIKE " + snowflake_literal(pattern));
    if (!answer) return add(check_of(answer.error()));
    const auto* const row = row_of(*answer, options_.warehouse);
    const std::string name = named(options_.warehouse);
    if (row == nullptr) {
      return add(problem("warehouse", "the role " + role_ + " sees no warehouse " + options_.warehouse,
                         "CREATE WAREHOUSE IF NOT EXISTS " + name +
                             " WAREHOUSE_SIZE = XSMALL AUTO_SUSPEND = 60 AUTO_RESUME = TRUE;\nGRANT USAGE ON WAREHOUSE " + name + " TO ROLE " +
                             named(role_) + ";"));
    }
    const auto cell = [&](std::string_view wanted) {
      const auto at = column(*answer, wanted);
      return at && row->size() > *at ? (*row)[*at].value_or("") : std::string();
    };
    if (cell("state") == "SUSPENDED" && cell("auto_resume") == "false") {
      return add(problem("warehouse", "the warehouse " + options_.warehouse + " is suspended and does not resume by itself",
                         "ALTER WAREHOUSE " + name + " SET AUTO_RESUME = TRUE;"));
    }
    // A role that may only monitor it sees it too, but cannot make it the session's.
    const auto current = ask("SELECT CURRENT_WAREHOUSE()");
    if (!current) return add(check_of(current.error()));
    if (current->rows.empty() || current->rows[0].empty() || current->rows[0][0] != options_.warehouse) {
      return add(problem("warehouse", "the role " + role_ + " may not use the warehouse " + options_.warehouse,
                         "GRANT USAGE ON WAREHOUSE " + name + " TO ROLE " + named(role_) + ";"));
    }
    add(good("warehouse", "the warehouse " + options_.warehouse + " can be used"));
  }

  const SnowflakeOptions& options_;
  HttpClient& http_;
  TokenSource& tokens_;
  SqlClient& sql_;
  const Clock& clock_;
  std::string ingest_host_;
  std::string role_;

  std::vector<Check> checks_;
};

}  // namespace

std::optional<Duration> clock_difference(std::string_view date, const Clock& clock) {
  std::tm parts{};
  const std::string text(date);
  const char* const end = ::strptime(text.c_str(), "%a, %d %b %Y %H:%M:%S GMT", &parts);
  if (end == nullptr || *end != '\0') return std::nullopt;
  const std::int64_t theirs = ::timegm(&parts);
  const std::int64_t ours = kUnixOfPostgresEpoch + clock.wall_now().micros / 1'000'000;
  return std::chrono::seconds(ours - theirs);
}

std::vector<Check> check_snowflake(const SnowflakeOptions& options, HttpClient& http, TokenSource& tokens, SqlClient& sql, const Clock& clock) {
  return SnowflakeExamination(options, http, tokens, sql, clock).run();
}

Status check_python(const SnowflakeOptions& options) {
  if (options.transport != SnowflakeOptions::Transport::sdk) return ok();
  CHECK_OK(sdk_properties(options));
  CHECK_OK(PythonBridge::start({.python = options.python, .ca_file = options.ca_file, .needs_pyarrow = !options.transform.empty()}));
  return ok();
}

std::vector<Check> check_snowflake(const SnowflakeOptions& options) {
  const auto session = SnowflakeSession::open(options);
  if (!session) return {check_of(session.error())};
  std::vector<Check> checks = check_snowflake(options, (*session)->http(), (*session)->tokens(), (*session)->sql(), (*session)->clock());
  if (options.transport == SnowflakeOptions::Transport::sdk) {
    const Status python = check_python(options);
    checks.push_back(python ? good("python", "Python and Snowflake's SDK are there") : check_of(python.error()));
  }
  return checks;
}

}  // namespace luge
