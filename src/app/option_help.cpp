#include "app/option_help.h"

#include <fmt/format.h>
#include <vector>

#include "app/name_pattern.h"
#include "app/option_table.h"
#include "app/option_value.h"
#include "app/snowflake/snowflake_keys.h"

namespace luge {

namespace {

constexpr std::size_t kWidth = 100;

/// "--batch-max-size ROWS", "--mode mirror|log", "--json".
std::string usage_of(const OptionSpec& spec) {
  std::string text = (spec.letter != 0 ? std::string("-") + spec.letter + ", " : "") + "--" + std::string(spec.name);
  if (spec.kind == OptionKind::choice) return text + " " + std::string(spec.choices);
  if (spec.kind == OptionKind::flag) return spec.fallback == "on" ? text + "=on|off" : text;
  return text + " " + std::string(spec.value_name);
}

std::string wrapped(std::string_view text, std::size_t indent) {
  std::string out;
  std::size_t column = indent;
  for (const std::string& word : split_outside_quotes(text, ' ')) {
    if (!out.empty() && column + 1 + word.size() > kWidth) {
      out += "\n" + std::string(indent, ' ');
      column = indent;
    } else if (!out.empty()) {
      out += ' ';
      ++column;
    }
    out += word;
    column += word.size();
  }
  return out;
}

std::string indented_lines(std::string_view text, std::string_view indent) {
  std::string out;
  for (const std::string& line : split_outside_quotes(text, '\n')) out += std::string(indent) + line + "\n";
  return out;
}

std::string verbs_of(const OptionSpec& option) {
  std::string names;
  for (const VerbSpec& verb : verb_table()) {
    if ((option.verbs & verb_bit(verb.verb)) != 0) names += (names.empty() ? "" : ", ") + std::string(verb.name);
  }
  return names;
}

/// `|` would end a cell of a Markdown table.
std::string cell(std::string_view text) {
  std::string out;
  for (const char c : text) out += c == '|' ? "\\|" : std::string(1, c);
  return out;
}

std::string code(std::string_view text) { return text.empty() ? "" : "`" + cell(text) + "`"; }

/// What a key of the section `snowflake` takes: "1 to 64", "sdk|rest".
std::string values_of(const SnowflakeKey& key) {
  if (!key.choices.empty()) return code(key.choices);
  if (key.most == 0) return key.secret ? "secret" : "";
  if (std::holds_alternative<std::uint32_t SnowflakeOptions::*>(key.member)) return std::to_string(key.least) + " to " + std::to_string(key.most);
  std::string most = format_duration(Duration(key.most));
  if (most.ends_with(" 0 h")) most.resize(most.size() - 4);
  return format_duration(Duration(key.least)) + " to " + most + (key.forever ? ", `forever`" : "");
}

std::string snowflake_reference() {
  std::string out =
      "## Snowflake\n\n"
      "`--to snowflake:` reads the section `snowflake` of the configuration file. What appears in Snowflake, what it costs and what its errors "
      "mean: [snowflake.md](snowflake.md).\n"
      "Names (user, role, database, schema, warehouse) are folded to upper case as in SQL; `'\"shop\"'` keeps its case. Exactly one of "
      "`private_key_file`, `pat`, `oauth_client_id` (with its secret) and `oauth_token` is given.\n\n"
      "```yaml\n"
      "snowflake:\n"
      "  account: MYORG-MYACCOUNT\n"
      "  user: LUGE\n"
      "  role: LUGE\n"
      "  private_key_file: luge_rsa_key.p8\n"
      "  private_key_passphrase: ${LUGE_KEY_PASSPHRASE}\n"
      "  database: SHOP\n"
      "  warehouse: LUGE\n"
      "  merge_interval: 5min\n"
      "  tables:\n"
      "    public.orders: {merge_interval: 10s, log_retention: 7d}\n"
      "```\n\n"
      "| key | default | values | meaning |\n|---|---|---|---|\n";
  for (const SnowflakeKey& key : snowflake_keys())
    out += fmt::format("| `{}` | {} | {} | {} |\n", key.name, code(key.fallback), values_of(key), cell(key.help));
  std::string nested;
  for (const std::string& name : snowflake_table_key_names()) nested += (nested.empty() ? "`" : " and `") + name + "`";
  return out + fmt::format("| `tables` |  |  | {} of single tables of the source, by schema.table. |\n", nested);
}

}  // namespace

std::string version_text() { return "luge 0.1.0\n"; }

std::string help_text() {
  std::string out = "luge: every committed change of a PostgreSQL database, in Snowflake or DuckDB, continuously and exactly once\n\n";
  for (const VerbSpec& verb : verb_table()) {
    const std::string name = std::string(verb.name) + (verb.argument.empty() ? "" : " " + std::string(verb.argument));
    out += fmt::format("  luge {:<16} {}\n", name, verb.summary);
  }
  out +=
      "\nExamples\n  luge demo\n  luge run --source postgres://app@db.example/shop --to duckdb:shop.duckdb\n  luge query --to duckdb:shop.duckdb "
      "'select count(*) from orders'\n";
  out += "\nluge VERB --help tells more. Exit codes: 0 done, 1 failed, 2 wrong usage, 3 waits for your decision, 4 a difference was found.\n";
  return out;
}

std::string help_text(Verb verb) {
  const VerbSpec& spec = spec_of(verb);
  std::string out = fmt::format("luge {}: {}\n\n", spec.name, spec.summary);
  out += fmt::format("  luge {} [options]{}\n\n{}\n\nOptions\n", spec.name, spec.argument.empty() ? "" : " " + std::string(spec.argument),
                     spec.description);
  for (const OptionSpec& option : option_table()) {
    if ((option.verbs & verb_bit(verb)) == 0) continue;
    std::string help(option.help);
    const bool shown = !option.fallback.empty() && !(option.kind == OptionKind::flag && option.fallback == "off");
    if (shown) help += fmt::format(" Default: {}.", option.fallback);
    out += fmt::format("  {}\n      {}\n", usage_of(option), wrapped(help, 6));
  }
  out += "\nExamples\n" + indented_lines(spec.examples, "  ");
  if (!spec.exit_codes.empty()) out += fmt::format("\nExit codes\n  {}\n", spec.exit_codes);
  return out;
}

std::string options_reference() {
  std::string out =
      "# Options\n\n"
      "Made from the option table by `luge help --markdown`; a test compares this page with it.\n\n"
      "Every option can stand on the command line (`--batch-max-size 50000`) or in the file given with `--config` (`batch_max_size: 50000`); the "
      "command line\n"
      "wins. In the file `${NAME}` is replaced by an environment variable, and a secret may be `file:PATH` (mode 0600). `$LUGE_SOURCE` gives the "
      "source too.\n"
      "Sizes are written `64MiB`, `256MB`, `1GiB`; times `500ms`, `2s`, `1min`. An unknown key is an error.\n\n"
      "| option | in luge.yaml | default | values | for | meaning |\n|---|---|---|---|---|---|\n";
  for (const OptionSpec& option : option_table()) {
    const std::string values = option.kind == OptionKind::choice ? code(option.choices)
                               : option.kind == OptionKind::flag ? code("on|off")
                                                                 : range_text(option);
    std::string meaning = cell(option.help);
    if (!option.example.empty()) meaning += " Example: " + code(option.example);
    out += fmt::format("| `--{}` | {} | {} | {} | {} | {} |\n", option.name, option.in_file ? code(config_key(option)) : "", code(option.fallback),
                       values, verbs_of(option), meaning);
  }
  out +=
      "\n## Columns\n\n"
      "What a column becomes can be chosen by name (`schema.table.column`, globs allowed, double quotes for exact names) or by PostgreSQL type. A "
      "later rule wins.\n\n"
      "```yaml\ncolumns:\n  \"public.orders.note\": {as: text}   # PostgreSQL's own text instead of the mapped type\n  \"type: interval\": {as: "
      "text}\n```\n\n";
  out += snowflake_reference() + "\n## Verbs\n\n";
  for (const VerbSpec& verb : verb_table()) {
    out += fmt::format("### luge {}{}\n\n{}.\n\n{}\n\n```\n{}\n```\n\n", verb.name, verb.argument.empty() ? "" : " " + std::string(verb.argument),
                       verb.summary, verb.description, verb.examples);
    if (!verb.exit_codes.empty()) out += fmt::format("Exit codes: {}.\n\n", verb.exit_codes);
  }
  while (out.ends_with("\n\n")) out.pop_back();
  return out;
}

}  // namespace luge
