#include "app/snowflake/snowflake_settings.h"

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <cstring>
#include <sys/stat.h>
#include <vector>

#include "app/snowflake/snowflake_keys.h"
#include "app/usage_error.h"

namespace luge {

namespace {

constexpr std::string_view kHost = ".snowflakecomputing.com";

constexpr const char* kExample =
    "put a section into luge.yaml and give it with --config luge.yaml; `luge snowflake init` makes user, key and section:\n"
    "snowflake:\n"
    "  account: MYORG-MYACCOUNT\n"
    "  user: LUGE\n"
    "  role: LUGE\n"
    "  private_key_file: luge_rsa_key.p8\n"
    "  database: LUGE\n"
    "  warehouse: LUGE";

std::string lower(std::string text) {
  std::ranges::transform(text, text.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

Error missing(const std::string& key, const std::string& hint) { return usage_error("snowflake." + key + " is missing", hint); }

/// The host of scheme://host[:port][/path], or "".
std::string host_of(const std::string& address) {
  const auto start = address.find("://") + 3;
  const std::string url = address.substr(0, address.find_first_of("/?", start));
  if (url[start] == '[') return url.substr(start, url.find(']', start) + 1 - start);
  return url.substr(start, url.find(':', start) - start);
}

/// An address, not a name that looks like one.
bool is_loopback(const std::string& host) {
  const auto part_of_address = [](char c) { return c == '.' || (c >= '0' && c <= '9'); };
  return host == "localhost" || host == "[::1]" || (host.starts_with("127.") && std::ranges::all_of(host, part_of_address));
}

Status check_url(std::string& url) {
  while (url.ends_with('/')) url.pop_back();
  const bool secure = url.starts_with("https://");
  if (!secure && !url.starts_with("http://")) return usage_error("snowflake.url: '" + url + "' is no URL", "write https://HOST[:PORT]");
  const std::string rest = url.substr(secure ? 8 : 7);
  if (rest.empty() || rest.find_first_of("/?#@ \t\"'\\") != std::string::npos)
    return usage_error("snowflake.url: only a scheme, a host and a port belong there", "write https://HOST[:PORT], without a user or a path");
  if (!secure && !is_loopback(host_of(url))) {
    return usage_error("snowflake.url: " + url + " would carry credentials in the clear",
                       "write https://; plain http:// is for loopback addresses only");
  }
  return ok();
}

Status check_account(const std::string& account) {
  if (account.find("://") != std::string::npos || lower(account).ends_with(kHost)) {
    return usage_error("snowflake.account: '" + account + "' is an address, not an account identifier",
                       "write the part before " + std::string(kHost) + ", for example MYORG-MYACCOUNT");
  }
  const auto allowed = [](unsigned char c) { return std::isalnum(c) != 0 || c == '-' || c == '_' || c == '.'; };
  if (std::ranges::all_of(account, allowed) && account.front() != '-' && account.front() != '.') return ok();
  return usage_error("snowflake.account: '" + account + "' is no account identifier", "for example MYORG-MYACCOUNT, or XY12345.eu-central-1");
}

/// `url` from `account`, or `account` from Snowflake's own hosts.
Status complete_address(SnowflakeOptions& options) {
  if (!options.account.empty()) CHECK_OK(check_account(options.account));
  if (options.url.empty()) {
    if (options.account.empty())
      return missing("account",
                     "write account: MYORG-MYACCOUNT (SELECT CURRENT_ORGANIZATION_NAME() || '-' || "
                     "CURRENT_ACCOUNT_NAME(); says it)");
    options.url = snowflake_url(options.account);
    return ok();
  }
  CHECK_OK(check_url(options.url));
  const std::string host = lower(host_of(options.url));
  if (options.account.empty() && host.ends_with(kHost)) options.account = host.substr(0, host.find('.'));
  return ok();
}

Status check_file(const std::string& key, const std::string& path, bool private_file) {
  struct stat facts {};
  if (::stat(path.c_str(), &facts) != 0) {
    return usage_error("snowflake." + key + ": " + path + ": " + std::strerror(errno),
                       private_file ? "`luge snowflake init` makes a key pair and the user it belongs to" : "check the path");
  }
  if (!S_ISREG(facts.st_mode)) return usage_error("snowflake." + key + ": " + path + " is not a file");
  if (private_file && (facts.st_mode & (S_IRWXG | S_IRWXO)) != 0)
    return usage_error("snowflake." + key + ": others may read " + path, "chmod 600 " + path);
  return ok();
}

Status check_token_endpoint(const std::string& url) {
  const bool secure = url.starts_with("https://");
  const std::string key = "snowflake.oauth_token_endpoint: ";
  if ((!secure && !url.starts_with("http://")) || host_of(url).empty()) return usage_error(key + "that is no URL", "write https://HOST/PATH");
  if (url.find_first_of("#@ \t\"'\\") != std::string::npos)
    return usage_error(key + "only a scheme, a host, a port, a path and a query belong there", "write https://HOST/PATH, without a user");
  if (!secure && !is_loopback(host_of(url)))
    return usage_error(key + "http:// would carry the client's secret in the clear", "write https://; plain http:// is for loopback addresses only");
  return ok();
}

std::string first_oauth_key(const SnowflakeOptions& options) {
  if (!options.oauth_client_id.empty()) return "oauth_client_id";
  if (!options.oauth_client_secret.empty()) return "oauth_client_secret";
  if (!options.oauth_refresh_token.empty()) return "oauth_refresh_token";
  if (!options.oauth_token_endpoint.empty()) return "oauth_token_endpoint";
  return options.oauth_scope.empty() ? "" : "oauth_scope";
}

/// An OAuth client needs its id, its secret, and somewhere to get tokens.
Status check_oauth_client(const SnowflakeOptions& options) {
  const std::string beside = first_oauth_key(options) + " is given, and ";
  if (options.oauth_client_id.empty())
    return missing("oauth_client_id", beside + "belongs to an OAuth client: write oauth_client_id and oauth_client_secret, or remove it");
  if (options.oauth_client_secret.empty())
    return missing("oauth_client_secret", "write oauth_client_secret: ${NAME} or file:PATH, the secret of the client " + options.oauth_client_id);
  if (options.oauth_refresh_token.empty() && options.oauth_token_endpoint.empty()) {
    return missing("oauth_refresh_token",
                   "write oauth_refresh_token, which Snowflake gave this client; or, for a client of an identity provider, oauth_token_endpoint: "
                   "https://HOST/PATH");
  }
  return options.oauth_token_endpoint.empty() ? ok() : check_token_endpoint(options.oauth_token_endpoint);
}

Status check_credentials(const SnowflakeOptions& options) {
  std::vector<std::string> given;
  if (!options.private_key_file.empty()) given.emplace_back("private_key_file");
  if (!options.pat.empty()) given.emplace_back("pat");
  if (!options.oauth_token.empty()) given.emplace_back("oauth_token");
  const std::string oauth_key = first_oauth_key(options);
  if (!oauth_key.empty()) given.push_back(oauth_key);
  if (given.empty()) {
    return usage_error("snowflake: there is nothing to sign in with",
                       "give one of private_key_file (`luge snowflake init` makes one), pat, oauth_client_id, oauth_token");
  }
  if (given.size() > 1) return usage_error("snowflake: " + given[0] + " and " + given[1] + " are two ways to sign in", "keep one of them");
  if (given[0] != "private_key_file") {
    if (!options.private_key_passphrase.empty()) return usage_error("snowflake.private_key_passphrase: there is no private_key_file", "remove it");
    return oauth_key.empty() ? ok() : check_oauth_client(options);
  }
  if (options.user.empty()) return missing("user", "a key belongs to a user: write user: LUGE");
  if (options.account.empty()) return missing("account", "a key is used for one account: write account: MYORG-MYACCOUNT beside the url");
  return check_file("private_key_file", options.private_key_file, true);
}

/// "module:function", both names of Python.
bool is_transform(const std::string& text) {
  const auto colon = text.find(':');
  if (colon == std::string::npos || colon == 0 || colon + 1 == text.size()) return false;
  const auto name = [](unsigned char c) { return std::isalnum(c) != 0 || c == '_' || c == '.' || c >= 0x80; };
  return std::ranges::all_of(text.substr(0, colon), name) && std::ranges::all_of(text.substr(colon + 1), name);
}

/// What Snowflake's SDK does not do.
Status check_transport(const SnowflakeOptions& options) {
  if (options.transport != SnowflakeOptions::Transport::sdk) return ok();
  if (!options.oauth_token.empty())
    return usage_error("snowflake.oauth_token: Snowflake's SDK takes no access token, it fetches its own",
                       "give oauth_client_id and oauth_client_secret with oauth_refresh_token or oauth_token_endpoint; or use transport: rest");
  if (options.oauth_token_endpoint.starts_with("http://"))
    return usage_error("snowflake.oauth_token_endpoint: Snowflake's SDK speaks https only", "use transport: rest, or an https:// address");
  if (options.url.starts_with("http://"))
    return usage_error("snowflake.url: Snowflake's SDK speaks https only", "use transport: rest, or an https:// address with ca_file");
  return ok();
}

Status check_combination(const SnowflakeOptions& options) {
  using State = SnowflakeOptions::CurrentState;
  if (!options.transform.empty()) {
    if (!is_transform(options.transform))
      return usage_error("snowflake.transform: '" + options.transform + "' names no function", "write module:function");
    if (options.transport != SnowflakeOptions::Transport::sdk)
      return usage_error("snowflake.transform: a Python function needs transport: sdk", "remove transform, or transport: rest");
  }
  const bool retention = options.log_retention.count() != 0 || !options.log_retention_of.empty();
  if (retention && options.current_state == State::view)
    return usage_error("snowflake.log_retention: with current_state: view the log is where the rows are", "remove it, or use current_state: merge");
  if (retention && options.current_state == State::none)
    return usage_error("snowflake.log_retention: rows leave the log once they are merged, and with current_state: none they never are",
                       "remove it and delete from the log what is not needed any more, or use current_state: merge");
  if (options.soft_delete && options.current_state != State::merge)
    return usage_error("snowflake.delete: soft needs a table, which only current_state: merge keeps", "remove delete, or use current_state: merge");
  if (!options.merge_interval_of.empty() && options.current_state != State::merge)
    return usage_error("snowflake.tables: merge_interval is for current_state: merge", "remove it");
  return ok();
}

/// What means nothing where only logs are kept.
Status check_log_mode(const SnowflakeOptions& options) {
  const auto unused = [](const std::string& key) {
    return usage_error("snowflake." + key + " is about current state, and --mode log keeps none", "remove it, or use --mode mirror");
  };
  if (options.log_retention.count() != 0 || !options.log_retention_of.empty()) return unused("log_retention");
  if (options.soft_delete) return unused("delete: soft");
  if (!options.merge_interval_of.empty()) return unused("tables: merge_interval");
  return ok();
}

}  // namespace

std::string snowflake_url(const std::string& account) {
  std::string host = lower(account);
  std::ranges::replace(host, '_', '-');
  return "https://" + host + std::string(kHost);
}

Result<SnowflakeOptions> require_snowflake(const Options& options) {
  if (!options.snowflake) return usage_error("--to snowflake: needs to know the account and how to sign in", kExample);
  if (options.mode == "log") CHECK_OK(check_log_mode(*options.snowflake));
  return complete_snowflake(*options.snowflake);
}

Result<SnowflakeOptions> complete_snowflake(SnowflakeOptions options) {
  CHECK_OK(complete_address(options));
  CHECK_OK(check_credentials(options));
  if (!options.ca_file.empty()) CHECK_OK(check_file("ca_file", options.ca_file, false));
  if (options.database.empty()) return missing("database", "write database: LUGE; `luge snowflake init` makes it");
  if (options.warehouse.empty()) return missing("warehouse", "write warehouse: LUGE; it merges, and ends first copies. An XSMALL one will do");
  CHECK_OK(check_combination(options));
  CHECK_OK(check_transport(options));
  return options;
}

std::string snowflake_section_yaml(const SnowflakeOptions& options) {
  std::string out = "snowflake:\n";
  const auto line = [&out](std::string_view key, const std::string& value) {
    if (value.empty()) return;
    const bool plain = std::ranges::all_of(value, [](unsigned char c) { return std::isalnum(c) != 0 || std::strchr("_-./:$", c) != nullptr; });
    std::string text = value;
    if (!plain) {
      text = "'";
      for (const char c : value) text += c == '\'' ? "''" : std::string(1, c);
      text += "'";
    }
    out += "  " + std::string(key) + ": " + text + "\n";
  };
  // A name that folding would change stands in double quotes.
  const auto name = [&line](std::string_view key, const std::string& value) {
    if (value.empty() || fold_identifier(value) == value) return line(key, value);
    std::string quoted = "\"";
    for (const char c : value) quoted += c == '"' ? "\"\"" : std::string(1, c);
    line(key, quoted + "\"");
  };
  line("account", options.account);
  if (!options.url.empty() && options.url != snowflake_url(options.account)) line("url", options.url);
  line("ca_file", options.ca_file);
  name("user", options.user);
  name("role", options.role);
  line("private_key_file", options.private_key_file);
  if (!options.private_key_passphrase.empty()) out += "  private_key_passphrase: ${LUGE_KEY_PASSPHRASE}\n";
  name("database", options.database);
  name("schema", options.schema);
  name("warehouse", options.warehouse);
  if (options.transport == SnowflakeOptions::Transport::rest) line("transport", "rest");
  return out;
}

}  // namespace luge
