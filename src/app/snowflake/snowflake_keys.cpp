#include "app/snowflake/snowflake_keys.h"

#include <algorithm>
#include <array>

#include "app/name_pattern.h"
#include "app/option_value.h"
#include "app/usage_error.h"

namespace luge {

namespace {

constexpr std::int64_t kSecond = 1'000'000;
constexpr std::int64_t kHour = 3600 * kSecond;
constexpr std::int64_t kDay = 24 * kHour;

void choose_transport(SnowflakeOptions& options, std::string_view word) {
  options.transport = word == "rest" ? SnowflakeOptions::Transport::rest : SnowflakeOptions::Transport::sdk;
}
void choose_current_state(SnowflakeOptions& options, std::string_view word) {
  options.current_state = word == "view"   ? SnowflakeOptions::CurrentState::view
                          : word == "none" ? SnowflakeOptions::CurrentState::none
                                           : SnowflakeOptions::CurrentState::merge;
}
void choose_delete(SnowflakeOptions& options, std::string_view word) { options.soft_delete = word == "soft"; }
void choose_identifiers(SnowflakeOptions& options, std::string_view word) { options.keep_case = word == "keep"; }

constexpr std::array kKeys{
    SnowflakeKey{.name = "account",
                 .member = &SnowflakeOptions::account,
                 .help = "The account identifier: ORGANISATION-ACCOUNT, or the older LOCATOR.REGION. The URL is made from it."},
    SnowflakeKey{.name = "url",
                 .member = &SnowflakeOptions::url,
                 .help = "Another endpoint than the account's own: private link, a proxy, the emulator. https://HOST[:PORT]; http:// for loopback "
                         "addresses only."},
    SnowflakeKey{.name = "ca_file", .member = &SnowflakeOptions::ca_file, .help = "PEM file of the authorities to trust instead of the system's."},
    SnowflakeKey{.name = "user", .member = &SnowflakeOptions::user, .identifier = true, .help = "The user luge signs in as."},
    SnowflakeKey{
        .name = "role", .member = &SnowflakeOptions::role, .identifier = true, .help = "The role it takes. Default: the user's own default role."},
    SnowflakeKey{.name = "private_key_file",
                 .member = &SnowflakeOptions::private_key_file,
                 .help = "The user's RSA private key: PEM, PKCS#8 or PKCS#1, readable by its owner only. `luge snowflake init` makes one."},
    SnowflakeKey{.name = "private_key_passphrase",
                 .member = &SnowflakeOptions::private_key_passphrase,
                 .secret = true,
                 .help = "Opens an encrypted private key."},
    SnowflakeKey{.name = "pat", .member = &SnowflakeOptions::pat, .secret = true, .help = "A programmatic access token instead of a key."},
    SnowflakeKey{.name = "oauth_token",
                 .member = &SnowflakeOptions::oauth_token,
                 .secret = true,
                 .help = "An OAuth access token instead of a key, for transport rest. luge does not renew it: it is read at the start."},
    SnowflakeKey{.name = "oauth_client_id",
                 .member = &SnowflakeOptions::oauth_client_id,
                 .help = "An OAuth client instead of a key: luge fetches access tokens with it, and renews them."},
    SnowflakeKey{.name = "oauth_client_secret", .member = &SnowflakeOptions::oauth_client_secret, .secret = true, .help = "The client's secret."},
    SnowflakeKey{.name = "oauth_refresh_token",
                 .member = &SnowflakeOptions::oauth_refresh_token,
                 .secret = true,
                 .help = "The client's refresh token (grant refresh_token). Without it the client signs in as itself (client_credentials)."},
    SnowflakeKey{.name = "oauth_token_endpoint",
                 .member = &SnowflakeOptions::oauth_token_endpoint,
                 .help = "Where the identity provider gives tokens: https://HOST/PATH; http:// for loopback addresses only. Default, with a refresh "
                         "token: the account's own."},
    SnowflakeKey{.name = "oauth_scope",
                 .member = &SnowflakeOptions::oauth_scope,
                 .help = "The scope to ask for. Default: session:role:ROLE of `role`; none without a role."},
    SnowflakeKey{.name = "database", .member = &SnowflakeOptions::database, .identifier = true, .help = "Where the tables go. It has to exist."},
    SnowflakeKey{.name = "schema",
                 .member = &SnowflakeOptions::schema,
                 .identifier = true,
                 .help = "One schema for all tables; it has to exist. Default: a schema for each of the source's, made by luge."},
    SnowflakeKey{.name = "warehouse",
                 .member = &SnowflakeOptions::warehouse,
                 .identifier = true,
                 .help = "What runs MERGE, the end of a table's first copy, `query` and `verify`. Streaming rows in needs none."},
    SnowflakeKey{.name = "transport",
                 .member = choose_transport,
                 .fallback = "sdk",
                 .choices = "sdk|rest",
                 .help = "sdk: Snowflake's own Python package snowpipe-streaming, inside luge. rest: Snowpipe Streaming's REST interface, without "
                         "Python."},
    SnowflakeKey{.name = "python",
                 .member = &SnowflakeOptions::python,
                 .help = "transport sdk: the Python interpreter whose environment has snowpipe-streaming."},
    SnowflakeKey{.name = "transform",
                 .member = &SnowflakeOptions::transform,
                 .help = "transport sdk: a Python function, module:function, that gets each RecordBatch and returns the one to send."},
    SnowflakeKey{.name = "actors",
                 .member = &SnowflakeOptions::actors,
                 .fallback = "4",
                 .least = 1,
                 .most = 64,
                 .help = "Threads that send rows, each with channels of its own."},
    SnowflakeKey{.name = "shards_per_table",
                 .member = &SnowflakeOptions::shards_per_table,
                 .fallback = "4",
                 .least = 1,
                 .most = 64,
                 .help = "Channels of one table; rows go to them by their key."},
    SnowflakeKey{.name = "current_state",
                 .member = choose_current_state,
                 .fallback = "merge",
                 .choices = "merge|view|none",
                 .help = "merge: TABLE is a table that MERGE keeps current. view: TABLE is a view over the log. none: only the log."},
    SnowflakeKey{.name = "merge_interval",
                 .member = &SnowflakeOptions::merge_interval,
                 .fallback = "60s",
                 .least = kSecond,
                 .most = kDay,
                 .per_table = true,
                 .help = "current_state merge: at most this often a table that has changes is merged."},
    SnowflakeKey{.name = "delete",
                 .member = choose_delete,
                 .fallback = "hard",
                 .choices = "hard|soft",
                 .help = "current_state merge: a deleted row goes, or stays with \"_LUGE_DELETED\" = TRUE."},
    SnowflakeKey{.name = "log_retention",
                 .member = &SnowflakeOptions::log_retention,
                 .fallback = "forever",
                 .least = kHour,
                 .most = 3650 * kDay,
                 .forever = true,
                 .per_table = true,
                 .help = "How long rows of TABLE__LOG are kept once they are merged."},
    SnowflakeKey{.name = "identifiers",
                 .member = choose_identifiers,
                 .fallback = "upper",
                 .choices = "upper|keep",
                 .help = "upper: public.orders becomes PUBLIC.ORDERS, which needs no quotes. keep: \"public\".\"orders\"."},
};

std::vector<std::string> choices_of(const SnowflakeKey& key) { return split_outside_quotes(key.choices, '|'); }

Status set_count(SnowflakeOptions& options, const SnowflakeKey& key, std::uint32_t SnowflakeOptions::*member, const std::string& text,
                 const std::string& where) {
  const auto number = parse_count(text);
  if (!number) return usage_error(where + ": '" + text + "' is not a number");
  if (static_cast<std::int64_t>(std::min<std::uint64_t>(*number, INT64_MAX)) < key.least || *number > static_cast<std::uint64_t>(key.most))
    return usage_error(where + ": '" + text + "' is out of range", "choose " + std::to_string(key.least) + " to " + std::to_string(key.most));
  options.*member = static_cast<std::uint32_t>(*number);
  return ok();
}

Result<Duration> read_duration(const SnowflakeKey& key, const std::string& text, const std::string& where) {
  if (key.forever && text == "forever") return Duration(0);
  const auto duration = parse_duration(text);
  if (!duration) return usage_error(where + ": '" + text + "' is not a time such as 60s, 5min or 7d" + (key.forever ? ", or forever" : ""));
  if (duration->count() < key.least || duration->count() > key.most) {
    return usage_error(where + ": '" + text + "' is out of range", "choose " + format_duration(Duration(key.least)) + " to " +
                                                                       format_duration(Duration(key.most)) + (key.forever ? ", or forever" : ""));
  }
  return *duration;
}

bool is_plain_identifier(std::string_view text) {
  const auto letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; };
  const auto rest = [&](char c) { return letter(c) || (c >= '0' && c <= '9') || c == '$'; };
  return !text.empty() && letter(text.front()) && std::ranges::all_of(text, rest);
}

}  // namespace

std::span<const SnowflakeKey> snowflake_keys() { return kKeys; }

const SnowflakeKey* find_snowflake_key(std::string_view name) {
  const auto found = std::ranges::find(kKeys, name, &SnowflakeKey::name);
  return found == kKeys.end() ? nullptr : &*found;
}

std::vector<std::string> snowflake_key_names() {
  std::vector<std::string> names;
  for (const SnowflakeKey& key : kKeys) names.emplace_back(key.name);
  names.emplace_back("tables");
  return names;
}

std::vector<std::string> snowflake_table_key_names() {
  std::vector<std::string> names;
  for (const SnowflakeKey& key : kKeys) {
    if (key.per_table) names.emplace_back(key.name);
  }
  return names;
}

std::string fold_identifier(const std::string& text) {
  if (text.size() >= 2 && text.front() == '"' && text.back() == '"') {
    std::string name;
    for (std::size_t i = 1; i + 1 < text.size(); ++i) {
      name += text[i];
      if (text[i] == '"' && i + 2 < text.size() && text[i + 1] == '"') ++i;
    }
    return name;
  }
  std::string name = text;
  if (!is_plain_identifier(text)) return name;
  for (char& c : name) {
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  }
  return name;
}

Status set_snowflake_key(SnowflakeOptions& options, const SnowflakeKey& key, const std::string& text, const std::string& where) {
  if (text.empty()) return usage_error(where + ": the value is empty");
  if (const auto* choose = std::get_if<SnowflakeKey::Choose>(&key.member)) {
    const auto choices = choices_of(key);
    if (std::ranges::find(choices, text) == choices.end())
      return usage_error(where + ": '" + text + "' is not one of " + std::string(key.choices), suggestion(text, choices));
    (*choose)(options, text);
    return ok();
  }
  if (const auto* count = std::get_if<std::uint32_t SnowflakeOptions::*>(&key.member)) return set_count(options, key, *count, text, where);
  if (const auto* duration = std::get_if<Duration SnowflakeOptions::*>(&key.member)) {
    TRY(options.*(*duration), read_duration(key, text, where));
    return ok();
  }
  options.*std::get<std::string SnowflakeOptions::*>(key.member) = key.identifier ? fold_identifier(text) : text;
  return ok();
}

Status set_snowflake_table_key(SnowflakeOptions& options, const SnowflakeKey& key, const std::string& table, const std::string& text,
                               const std::string& where) {
  TRY(const Duration duration, read_duration(key, text, where));
  (key.name == "merge_interval" ? options.merge_interval_of : options.log_retention_of)[table] = duration;
  return ok();
}

}  // namespace luge
