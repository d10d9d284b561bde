#include "app/option_table.h"

#include <algorithm>
#include <array>

#include "app/name_pattern.h"
#include "app/option_value.h"
#include "app/snowflake/snowflake_keys.h"
#include "app/usage_error.h"
#include "base/ensure.h"
#include "model/lsn.h"

namespace luge {

namespace {

using enum Verb;
using Kind = OptionKind;

constexpr VerbSet kAnswering = verbs(run, plan, doctor, status, query, verify, resync, pause, resume, drop);
constexpr VerbSet kAll = kAnswering | verbs(top, Verb::state);
constexpr VerbSet kRunning = verbs(run, plan, doctor);
constexpr VerbSet kCatalog = verbs(serve) | verbs(Verb::source, Verb::destination, Verb::pipeline, apply, secrets);
constexpr std::uint64_t kMicros = 1000;  // per millisecond

constexpr std::array kOptions{
    OptionSpec{
        .name = "source",
        .member = &Options::source,
        .value_name = "URL",
        .verbs = kAll,
        .secret = true,
        .help =
            "The PostgreSQL database: a libpq URL, a conninfo string or service=NAME. Passwords are best left to ~/.pgpass, PGPASSWORD or file:PATH.",
        .example = "postgres://app@db.example/shop?sslmode=verify-full"},
    OptionSpec{.name = "to",
               .member = &Options::destination,
               .value_name = "DESTINATION",
               .verbs = kAll,
               .help = "Where the changes go: duckdb:PATH; snowflake: with the section `snowflake` of --config; null: (built and thrown away, for "
                       "measuring).",
               .example = "duckdb:shop.duckdb"},
    OptionSpec{.name = "pipeline",
               .member = &Options::pipeline,
               .value_name = "NAME",
               .fallback = "luge",
               .verbs = kAll,
               .help = "Name of the pipeline; slot and publication at the source are called luge_NAME.",
               .example = "shop"},
    OptionSpec{.name = "state",
               .member = &Options::state,
               .value_name = "PLACE",
               .verbs = kAll,
               .help = "Where luge keeps its state: sqlite:PATH, or a Redis: redis://[USER:PASSWORD@]HOST[:PORT][/DATABASE], "
                       "redis+sentinel://HOST,HOST/MASTER; ?may_lose=yes accepts one that can lose what it has acknowledged. "
                       "Default: PATH.luge/state.db beside a DuckDB file, else $XDG_STATE_HOME/luge/PIPELINE/state.db.",
               .example = "sqlite:/var/lib/luge/state.db"},
    OptionSpec{
        .name = "config",
        .member = &Options::config,
        .value_name = "PATH",
        .verbs = kAll | verbs(snowflake) | kCatalog,
        .in_file = false,
        .help =
            "A YAML file with these options (batch_max_size for --batch-max-size) and the sections `columns` and `snowflake`. The command line wins.",
        .example = "luge.yaml"},

    OptionSpec{
        .name = "tables",
        .member = &Options::tables,
        .value_name = "PATTERNS",
        .verbs = kRunning,
        .help =
            "Which tables: globs separated by commas, exclusions with !. Default: all user tables. New tables that match are taken in while running; "
            "what is selected no more is not followed from the next start on, and its mirror stays as it is.",
        .example = "'public.*,!public.audit_*'"},
    OptionSpec{.name = "mode",
               .member = &Options::mode,
               .kind = Kind::choice,
               .fallback = "mirror",
               .choices = "mirror|log",
               .verbs = kRunning,
               .help = "mirror: one row per source row, under the same name. log: one row per change, in TABLE__log."},
    OptionSpec{.name = "allow-no-identity",
               .member = &Options::allow_no_identity,
               .kind = Kind::flag,
               .fallback = "off",
               .verbs = kRunning,
               .help = "Also take tables without a usable replica identity. PostgreSQL then refuses their UPDATEs and DELETEs for as long as they "
                       "are published."},
    OptionSpec{.name = "on-gap",
               .member = &Options::on_gap,
               .kind = Kind::choice,
               .fallback = "stop",
               .choices = "stop|resync",
               .verbs = kRunning,
               .help = "When changes are missing (slot lost, file restored): stop and say which, or copy the tables again."},
    OptionSpec{.name = "on-retype",
               .member = &Options::on_retype,
               .kind = Kind::choice,
               .fallback = "stop",
               .choices = "stop|resync",
               .verbs = kRunning,
               .help = "When the rules under columns give a copied table other types than it was copied with: stop and say which, or copy it again."},
    OptionSpec{.name = "on-quarantine",
               .member = &Options::on_quarantine,
               .kind = Kind::choice,
               .fallback = "continue",
               .choices = "continue|hold",
               .verbs = kRunning,
               .help = "When a table meets a value it cannot hold: let the others go on, or also keep the source's WAL until it is repaired."},
    OptionSpec{
        .name = "until",
        .member = &Options::until,
        .kind = Kind::position,
        .value_name = "caught-up|LSN",
        .verbs = verbs(run),
        .help = "Exit once everything committed before the start (or before LSN) is durable and acknowledged. Default: run until told to stop.",
        .example = "caught-up"},

    OptionSpec{.name = "snapshot",
               .member = &Options::snapshot,
               .value_name = "PATH",
               .verbs = verbs(run),
               .help = "Keep a second, read-only copy of the mirror at PATH for other programs; it is replaced atomically after changes, at most "
                       "every five seconds.",
               .example = "shop-read.duckdb"},

    OptionSpec{.name = "batch-max-size",
               .member = &Options::batch_max_size,
               .kind = Kind::count,
               .value_name = "ROWS",
               .fallback = "100000",
               .least = 1,
               .most = 10'000'000,
               .verbs = kRunning,
               .help = "Rows after which a batch is handed to the destination."},
    OptionSpec{.name = "batch-max-fill-ms",
               .member = &Options::batch_max_fill,
               .kind = Kind::duration,
               .value_name = "TIME",
               .fallback = "500ms",
               .least = 1 * kMicros,
               .most = 3'600'000 * kMicros,
               .verbs = kRunning,
               .help = "Age of a batch's oldest row after which it is handed over."},
    OptionSpec{.name = "batch-max-bytes",
               .member = &Options::batch_max_bytes,
               .kind = Kind::size,
               .value_name = "SIZE",
               .fallback = "64MiB",
               .least = 64U << 10,
               .most = 1ULL << 40,
               .verbs = kRunning,
               .help = "Bytes after which a batch is handed over."},
    OptionSpec{.name = "memory-limit",
               .member = &Options::memory_limit,
               .kind = Kind::size,
               .value_name = "SIZE",
               .fallback = "256MB",
               .least = 96'000'000,
               .most = 1ULL << 44,
               .verbs = kRunning,
               .help = "Budget of the whole process, DuckDB's own limit included. When it is used up, luge reads no further."},
    OptionSpec{.name = "copy-connections",
               .member = &Options::copy_connections,
               .kind = Kind::count,
               .value_name = "N",
               .fallback = "2",
               .least = 1,
               .most = 64,
               .verbs = kRunning,
               .help = "Connections that read one table during its first copy."},
    OptionSpec{.name = "parallel-copies",
               .member = &Options::parallel_copies,
               .kind = Kind::count,
               .value_name = "N",
               .fallback = "1",
               .least = 1,
               .most = 64,
               .verbs = kRunning,
               .help = "Tables copied at the same time."},
    OptionSpec{.name = "streaming",
               .member = &Options::streaming,
               .kind = Kind::flag,
               .fallback = "on",
               .verbs = kRunning,
               .help = "Let the server send large transactions before they commit (PostgreSQL 14 and later)."},
    OptionSpec{.name = "binary",
               .member = &Options::binary,
               .kind = Kind::choice,
               .fallback = "auto",
               .choices = "auto|on|off",
               .verbs = kRunning,
               .help = "Binary values on the wire: auto uses them where every column of every table has an exact reader."},

    OptionSpec{.name = "catalog",
               .member = &Options::catalog,
               .value_name = "PLACE",
               .verbs = kCatalog,
               .secret = true,
               .help = "The catalog of luge serve: sqlite:PATH, or a PostgreSQL database (postgres://…, schema _luge). Default: "
                       "sqlite:$XDG_STATE_HOME/luge/catalog.db.",
               .example = "postgres://luge@db.example/ops"},
    OptionSpec{.name = "leases",
               .member = &Options::leases,
               .value_name = "PLACE",
               .verbs = verbs(serve),
               .secret = true,
               .help = "Where several processes on one catalog agree on who runs what: redis://[USER:PASSWORD@]HOST[:PORT][/DATABASE]; catalogs "
                       "that share a Redis need a database each. Default: in the catalog.",
               .example = "redis://cache.example/3"},
    OptionSpec{.name = "file",
               .member = &Options::file,
               .value_name = "PATH",
               .verbs = verbs(apply, Verb::state),
               .in_file = false,
               .letter = 'f',
               .help = "The document; luge apply: - is stdin; luge state: default stdout, or stdin.",
               .example = "luge.yaml"},
    OptionSpec{.name = "prune",
               .member = &Options::prune,
               .kind = Kind::flag,
               .fallback = "off",
               .verbs = verbs(apply),
               .in_file = false,
               .help = "Remove what the document does not name."},
    OptionSpec{.name = "dry-run",
               .member = &Options::dry_run,
               .kind = Kind::flag,
               .fallback = "off",
               .verbs = verbs(apply),
               .in_file = false,
               .help = "Show the difference, and change nothing."},

    OptionSpec{.name = "limit",
               .member = &Options::limit,
               .kind = Kind::count,
               .value_name = "ROWS",
               .fallback = "1000",
               .least = 1,
               .verbs = verbs(query),
               .help = "Rows shown as a table; --json is not limited."},
    OptionSpec{.name = "keys",
               .member = &Options::keys,
               .kind = Kind::count,
               .value_name = "N",
               .fallback = "10",
               .least = 1,
               .most = 10'000,
               .verbs = verbs(verify),
               .help = "Differing keys named per table."},
    OptionSpec{.name = "emulator",
               .member = &Options::emulator,
               .value_name = "PATH",
               .verbs = verbs(demo),
               .in_file = false,
               .help = "Replicate to a Snowflake emulator, over REST and through the SDK, instead of into a DuckDB file; PATH is emulator/run of "
                       "luge's source tree, and $LUGE_PYTHON a Python that has the SDK.",
               .example = "emulator/run"},
    OptionSpec{.name = "account",
               .member = &SnowflakeOptions::account,
               .value_name = "NAME",
               .verbs = verbs(snowflake),
               .in_file = false,
               .help = "The account identifier, ORGANISATION-ACCOUNT.",
               .example = "MYORG-MYACCOUNT"},
    OptionSpec{.name = "url",
               .member = &SnowflakeOptions::url,
               .value_name = "URL",
               .verbs = verbs(snowflake),
               .in_file = false,
               .help = "Another endpoint than the account's own, such as the emulator's."},
    OptionSpec{.name = "ca-file",
               .member = &SnowflakeOptions::ca_file,
               .value_name = "PATH",
               .verbs = verbs(snowflake),
               .in_file = false,
               .help = "PEM file of the authorities to trust instead of the system's."},
    OptionSpec{.name = "user",
               .member = &SnowflakeOptions::user,
               .value_name = "NAME",
               .verbs = verbs(snowflake),
               .in_file = false,
               .help = "The user to make. Default: LUGE."},
    OptionSpec{.name = "role",
               .member = &SnowflakeOptions::role,
               .value_name = "NAME",
               .verbs = verbs(snowflake),
               .in_file = false,
               .help = "The role to make. Default: LUGE."},
    OptionSpec{.name = "database",
               .member = &SnowflakeOptions::database,
               .value_name = "NAME",
               .verbs = verbs(snowflake),
               .in_file = false,
               .help = "The database to make. Default: LUGE."},
    OptionSpec{.name = "schema",
               .member = &SnowflakeOptions::schema,
               .value_name = "NAME",
               .verbs = verbs(snowflake),
               .in_file = false,
               .help = "One schema for all tables. Default: luge makes one for each of the source's."},
    OptionSpec{.name = "warehouse",
               .member = &SnowflakeOptions::warehouse,
               .value_name = "NAME",
               .verbs = verbs(snowflake),
               .in_file = false,
               .help = "The warehouse to make. Default: LUGE."},
    OptionSpec{.name = "private-key-file",
               .member = &SnowflakeOptions::private_key_file,
               .value_name = "PATH",
               .verbs = verbs(snowflake),
               .in_file = false,
               .help = "Where the private key is, or is put, readable by its owner only. Default: luge_rsa_key.p8."},
    OptionSpec{.name = "run",
               .member = &Options::run_statements,
               .kind = Kind::flag,
               .fallback = "off",
               .verbs = verbs(snowflake),
               .in_file = false,
               .help = "Run the statements instead of printing them."},
    OptionSpec{.name = "admin-user",
               .member = &Options::admin_user,
               .value_name = "NAME",
               .verbs = verbs(snowflake),
               .in_file = false,
               .help = "With --run: the administrator."},
    OptionSpec{.name = "admin-key-file",
               .member = &Options::admin_key_file,
               .value_name = "PATH",
               .verbs = verbs(snowflake),
               .in_file = false,
               .help = "With --run: the administrator's private key; $LUGE_ADMIN_KEY_PASSPHRASE opens it. Or $LUGE_ADMIN_PAT instead of a key."},
    OptionSpec{.name = "admin-role",
               .member = &Options::admin_role,
               .value_name = "NAME",
               .fallback = "ACCOUNTADMIN",
               .verbs = verbs(snowflake),
               .in_file = false,
               .help = "The role that the statements run in."},

    OptionSpec{.name = "json",
               .member = &Options::json,
               .kind = Kind::flag,
               .fallback = "off",
               .verbs = kAnswering | verbs(snowflake) | verbs(Verb::source, Verb::destination, Verb::pipeline, apply, secrets),
               .help = "One JSON document on stdout and nothing else there."},
    OptionSpec{.name = "log",
               .member = &Options::log,
               .kind = Kind::choice,
               .fallback = "text",
               .choices = "text|json",
               .verbs = kAll | verbs(demo, snowflake) | kCatalog,
               .help = "Form of the log lines on stderr."},
    OptionSpec{.name = "log-level",
               .member = &Options::log_level,
               .kind = Kind::choice,
               .fallback = "info",
               .choices = "debug|info|warn|error",
               .verbs = kAll | verbs(demo, snowflake) | kCatalog,
               .help = "Least level of the log lines."},

    OptionSpec{.name = "http",
               .member = &Options::http,
               .value_name = "ADDRESS:PORT",
               .verbs = verbs(run, serve),
               .help = "Serve the console, the API and Prometheus' /metrics there. Default: nowhere; luge serve: 127.0.0.1:9000, or off.",
               .example = "127.0.0.1:9000"},
    OptionSpec{
        .name = "http-token-file",
        .member = &Options::http_token_file,
        .value_name = "PATH",
        .verbs = verbs(run, serve),
        .help = "The token for everything that changes something over HTTP; made when it is missing. Default: admin.token in luge's directory."},
    OptionSpec{.name = "http-names",
               .member = &Options::http_names,
               .value_name = "NAMES",
               .verbs = verbs(run, serve),
               .help = "Names, separated by commas, that the HTTP server is reached by, beside localhost and IP addresses."},
    OptionSpec{.name = "http-token-for-reading",
               .member = &Options::http_token_for_reading,
               .kind = Kind::flag,
               .fallback = "off",
               .verbs = verbs(run, serve),
               .help = "The token is needed for everything but /health and /ready."},
};

std::vector<std::string> choices_of(const OptionSpec& spec) { return split_outside_quotes(spec.choices, '|'); }

Status refuse(const OptionSpec& spec, std::string_view where, const std::string& text, const std::string& wanted) {
  const std::string shown = spec.secret ? "the value" : "'" + text + "'";
  return usage_error(std::string(where) + ": " + shown + " is not " + wanted, suggestion(text, choices_of(spec)));
}

std::optional<std::uint64_t> parse_number(const OptionSpec& spec, const std::string& text) {
  if (spec.kind == OptionKind::size) return parse_size(text);
  if (spec.kind == OptionKind::count) return parse_count(text);
  const auto duration = parse_duration(text);
  if (!duration) return std::nullopt;
  return static_cast<std::uint64_t>(duration->count());
}

Status set_number(Options& options, const OptionSpec& spec, const std::string& text, std::string_view where) {
  const auto number = parse_number(spec, text);
  const std::string kind = spec.kind == OptionKind::size       ? "a size such as 64MiB"
                           : spec.kind == OptionKind::duration ? "a time such as 500ms or 2s"
                                                               : "a number";
  if (!number) return refuse(spec, where, text, kind);
  if (*number < spec.least || *number > spec.most)
    return usage_error(std::string(where) + ": '" + text + "' is out of range", "choose " + range_text(spec));
  if (const auto* member = std::get_if<Duration Options::*>(&spec.member)) {
    options.*(*member) = Duration(static_cast<std::int64_t>(*number));
  } else {
    options.*std::get<std::uint64_t Options::*>(spec.member) = *number;
  }
  return ok();
}

}  // namespace

std::span<const OptionSpec> option_table() { return kOptions; }

const OptionSpec* find_option(std::string_view name) {
  const auto found = std::ranges::find(kOptions, name, &OptionSpec::name);
  return found == kOptions.end() ? nullptr : &*found;
}

std::string range_text(const OptionSpec& spec) {
  const auto show = [&](std::uint64_t n) {
    if (spec.kind == OptionKind::duration) return format_duration(Duration(static_cast<std::int64_t>(n)));
    if (spec.kind == OptionKind::count) return format_count(n);
    return n % 1'000'000 == 0 ? std::to_string(n / 1'000'000) + " MB" : format_bytes(n);
  };
  if (spec.kind != OptionKind::count && spec.kind != OptionKind::size && spec.kind != OptionKind::duration) return "";
  return spec.most == UINT64_MAX ? show(spec.least) + " and more" : show(spec.least) + " to " + show(spec.most);
}

std::string config_key(const OptionSpec& spec) {
  std::string key(spec.name);
  std::ranges::replace(key, '-', '_');
  return key;
}

Status set_option(Options& options, const OptionSpec& spec, const std::string& text, std::string_view where) {
  switch (spec.kind) {
    case OptionKind::count:
    case OptionKind::size:
    case OptionKind::duration: return set_number(options, spec, text, where);
    case OptionKind::flag: {
      const auto flag = parse_flag(text);
      if (!flag) return refuse(spec, where, text, "on or off");
      options.*std::get<bool Options::*>(spec.member) = *flag;
      return ok();
    }
    case OptionKind::choice: {
      const auto choices = choices_of(spec);
      if (std::ranges::find(choices, text) == choices.end()) return refuse(spec, where, text, "one of " + std::string(spec.choices));
      break;
    }
    case OptionKind::position:
      if (!text.empty() && text != "caught-up" && !Lsn::parse(text)) return refuse(spec, where, text, "caught-up or an LSN such as 16/B374D848");
      break;
    case OptionKind::text: break;
  }
  if (std::holds_alternative<std::string SnowflakeOptions::*>(spec.member)) {
    if (!options.snowflake) options.snowflake.emplace();
    const SnowflakeKey* const key = find_snowflake_key(config_key(spec));
    ENSURE(key != nullptr, "the option is a key of the section snowflake");
    return set_snowflake_key(*options.snowflake, *key, text, std::string(where));
  }
  options.*std::get<std::string Options::*>(spec.member) = text;
  return ok();
}

Options default_options() {
  Options options;
  for (const OptionSpec& spec : kOptions) {
    if (spec.fallback.empty()) continue;
    const Status set = set_option(options, spec, std::string(spec.fallback), spec.name);
    ENSURE(set.has_value(), "the option table's defaults satisfy the option table");
  }
  return options;
}

}  // namespace luge
