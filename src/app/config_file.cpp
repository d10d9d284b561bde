#include "app/config_file.h"

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <optional>
#include <sstream>
#include <sys/stat.h>
#include <yaml-cpp/yaml.h>

#include "app/option_table.h"
#include "app/snowflake/snowflake_keys.h"
#include "app/usage_error.h"

namespace luge {

namespace {

Result<std::string> read_file(const std::string& path, std::string_view where) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return usage_error(std::string(where) + ": cannot read " + path + ": " + std::strerror(errno));
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

/// orders, public.orders or "Sales"."Order Lines" as PostgreSQL reads it, as schema.table without quotes. nullopt: no such name.
std::optional<std::string> table_name_of(std::string_view text) {
  std::vector<std::string> parts(1);
  bool quoted = false;
  for (std::size_t at = 0; at < text.size(); ++at) {
    const char c = text[at];
    if (c == '"') {
      if (quoted && at + 1 < text.size() && text[at + 1] == '"') {
        parts.back() += text[at++];
      } else {
        quoted = !quoted;
      }
    } else if (c == '.' && !quoted) {
      if (parts.back().empty()) return std::nullopt;
      parts.emplace_back();
    } else if ((c == '*' || c == '?') && !quoted) {
      return std::nullopt;
    } else {
      parts.back() += !quoted && c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    }
  }
  if (quoted || parts.back().empty() || parts.size() > 2) return std::nullopt;
  return parts.size() == 1 ? "public." + parts[0] : parts[0] + "." + parts[1];
}

class ConfigReader {
 public:
  ConfigReader(Options& options, std::string name, const Environment& environment)
      : options_(options), name_(std::move(name)), environment_(environment) {}

  Status read(const YAML::Node& root) {
    if (root.IsNull()) return ok();
    if (!root.IsMap()) return usage_error(name_ + ": is not a mapping of options", "write lines such as `to: duckdb:shop.duckdb`");
    for (const auto& entry : root) {
      const auto key = entry.first.as<std::string>();
      if (key == "columns") {
        CHECK_OK(read_columns(entry.second));
      } else if (key == "snowflake") {
        CHECK_OK(read_snowflake(entry.second));
      } else if (key == "alerts") {
        CHECK_OK(read_alerts(entry.second));
      } else if (key == "wal") {
        CHECK_OK(read_section(entry.second, "wal", [&](const std::string& name, const YAML::Node& value, const std::string& where) -> Status {
          TRY(const std::string text, text_of(value, where, false));
          return set_wal_key(options_.serve, name, text, where);
        }));
      } else {
        CHECK_OK(read_option(key, entry));
      }
    }
    return ok();
  }

 private:
  std::string at(const YAML::Node& node, const std::string& key) const { return name_ + ":" + std::to_string(node.Mark().line + 1) + ": " + key; }

  Status unknown(const YAML::Node& node, const std::string& key, const std::vector<std::string>& known) const {
    return unknown(node, key, key, known);
  }
  /// `path`: with the sections that `key` stands in.
  Status unknown(const YAML::Node& node, const std::string& path, const std::string& key, const std::vector<std::string>& known) const {
    return usage_error(at(node, path) + ": unknown key", suggestion(key, known));
  }

  Status read_option(const std::string& key, const auto& entry) {
    std::vector<std::string> known = {"columns", "snowflake", "alerts", "wal"};
    for (const OptionSpec& spec : option_table()) {
      if (!spec.in_file) continue;
      known.push_back(config_key(spec));
      if (known.back() != key) continue;
      const std::string where = at(entry.first, key);
      TRY(std::string text, scalar(entry.second, where));
      TRY(text, expand_environment(text, environment_, where));
      if (spec.secret) {
        TRY(text, read_secret(text, where));
      }
      return set_option(options_, spec, text, where);
    }
    return unknown(entry.first, key, known);
  }

  /// A scalar, or a list of scalars as the comma list that the command line has.
  static Result<std::string> scalar(const YAML::Node& node, const std::string& where) {
    if (node.IsScalar()) return node.as<std::string>();
    if (node.IsNull()) return std::string();
    if (!node.IsSequence()) return usage_error(where + ": is not a single value");
    std::string list;
    for (const YAML::Node& item : node) {
      if (!item.IsScalar()) return usage_error(where + ": is not a list of single values");
      list += (list.empty() ? "" : ",") + item.as<std::string>();
    }
    return list;
  }

  /// With ${NAME} replaced, and file:PATH read where a secret may stand.
  Result<std::string> text_of(const YAML::Node& node, const std::string& where, bool secret) const {
    TRY(std::string text, scalar(node, where));
    TRY(text, expand_environment(text, environment_, where));
    return secret ? read_secret(text, where) : Result<std::string>(text);
  }

  template <class Each>
  Status read_section(const YAML::Node& section, const std::string& path, Each each) const {
    if (!section.IsMap()) return usage_error(at(section, path) + ": is not a mapping", "write lines such as `key: value`");
    for (const auto& entry : section) {
      const auto name = entry.first.as<std::string>();
      CHECK_OK(each(name, entry.second, at(entry.first, path + "." + name)));
    }
    return ok();
  }

  /// alerts: {freshness: 5min, webhooks: [{name: …, url: …}]}
  Status read_alerts(const YAML::Node& section) {
    return read_section(section, "alerts", [&](const std::string& name, const YAML::Node& value, const std::string& where) -> Status {
      if (name != "webhooks") {
        TRY(const std::string text, text_of(value, where, false));
        return set_alerts_key(options_.serve, name, text, where);
      }
      if (!value.IsSequence()) return usage_error(where + ": is not a list", "write - {name: team, format: slack, url: file:/run/secrets/slack}");
      for (const YAML::Node& one : value) {
        ServeSettings::Receiver& receiver = options_.serve.receivers.emplace_back();
        CHECK_OK(read_section(one, "alerts.webhooks", [&](const std::string& key, const YAML::Node& node, const std::string& place) -> Status {
          TRY(const std::string text, text_of(node, place, is_webhook_secret(key)));
          return set_webhook_key(receiver, key, text, place);
        }));
        if (receiver.webhook.name.empty()) return usage_error(at(one, "alerts.webhooks") + ": has no name", "write name: team");
      }
      return ok();
    });
  }

  Status read_columns(const YAML::Node& section) {
    if (!section.IsMap()) return usage_error(at(section, "columns") + ": is not a mapping", R"(write "public.orders.note": {as: text})");
    for (const auto& entry : section) {
      const auto key = entry.first.as<std::string>();
      const std::string where = at(entry.first, key);
      ColumnOptions chosen;
      if (!entry.second.IsMap()) return usage_error(where + ": is not a mapping", "write {as: text}");
      for (const auto& choice : entry.second) {
        const auto what = choice.first.template as<std::string>();
        if (what != "as") return unknown(choice.first, what, {"as"});
        TRY(const std::string value, scalar(choice.second, where));
        if (value != "text" && value != "default") return usage_error(where + ": as: '" + value + "' is not text or default");
        chosen.as_text = value == "text";
      }
      const Status added = options_.columns.add(key, chosen);
      if (!added) return usage_error(where + ": " + added.error().what, added.error().hint);
    }
    return ok();
  }

  Status read_snowflake(const YAML::Node& section) {
    if (!section.IsMap()) return usage_error(at(section, "snowflake") + ": is not a mapping", "write lines such as `account: MYORG-MYACCOUNT`");
    SnowflakeOptions& chosen = options_.snowflake.emplace();
    for (const auto& entry : section) {
      const auto name = entry.first.as<std::string>();
      if (name == "tables") {
        CHECK_OK(read_snowflake_tables(chosen, entry.second));
        continue;
      }
      const SnowflakeKey* const key = find_snowflake_key(name);
      if (key == nullptr) return unknown(entry.first, "snowflake." + name, name, snowflake_key_names());
      const std::string where = at(entry.first, "snowflake." + name);
      TRY(std::string text, scalar(entry.second, where));
      TRY(text, expand_environment(text, environment_, where));
      if (key->secret) {
        TRY(text, read_secret(text, where));
      }
      CHECK_OK(set_snowflake_key(chosen, *key, text, where));
    }
    return ok();
  }

  /// tables: {public.orders: {merge_interval: 10s}}
  Status read_snowflake_tables(SnowflakeOptions& chosen, const YAML::Node& section) {
    if (!section.IsMap()) return usage_error(at(section, "snowflake.tables") + ": is not a mapping", "write public.orders: {merge_interval: 10s}");
    for (const auto& entry : section) {
      const auto written = entry.first.as<std::string>();
      const std::string where = at(entry.first, "snowflake.tables." + written);
      const auto table = table_name_of(written);
      if (!table) return usage_error(where + ": is no table's name", R"(write schema.table; "Sales"."Order Lines" where PostgreSQL needs quotes)");
      if (!entry.second.IsMap()) return usage_error(where + ": is not a mapping", "write {merge_interval: 10s}");
      for (const auto& choice : entry.second) {
        const auto name = choice.first.template as<std::string>();
        const SnowflakeKey* const key = find_snowflake_key(name);
        if (key == nullptr || !key->per_table)
          return unknown(choice.first, "snowflake.tables." + written + "." + name, name, snowflake_table_key_names());
        TRY(std::string text, scalar(choice.second, where));
        TRY(text, expand_environment(text, environment_, where));
        CHECK_OK(set_snowflake_table_key(chosen, *key, *table, text, where + "." + name));
      }
    }
    return ok();
  }

  Options& options_;
  std::string name_;
  const Environment& environment_;
};

}  // namespace

Environment process_environment() {
  return [](const std::string& name) -> std::optional<std::string> {
    const char* value = std::getenv(name.c_str());
    return value == nullptr ? std::nullopt : std::optional<std::string>(value);
  };
}

Result<std::string> expand_environment(const std::string& text, const Environment& environment, std::string_view where) {
  std::string expanded;
  for (std::size_t at = 0; at < text.size();) {
    if (text.compare(at, 3, "$${") == 0) {
      expanded += "${";
      at += 3;
    } else if (text.compare(at, 2, "${") == 0) {
      const auto end = text.find('}', at);
      if (end == std::string::npos) return usage_error(std::string(where) + ": ${ without }");
      const std::string name = text.substr(at + 2, end - at - 2);
      const auto value = environment(name);
      if (!value) return usage_error(std::string(where) + ": the environment variable " + name + " is not set");
      expanded += *value;
      at = end + 1;
    } else {
      expanded += text[at++];
    }
  }
  return expanded;
}

Result<std::string> read_secret(const std::string& text, std::string_view where) {
  constexpr std::string_view kFile = "file:";
  if (!text.starts_with(kFile)) return text;
  const std::string path = text.substr(kFile.size());
  struct stat facts {};
  if (::stat(path.c_str(), &facts) == 0 && S_ISREG(facts.st_mode) && (facts.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
    return usage_error(std::string(where) + ": others may read " + path, "chmod 600 " + path);
  }
  TRY(std::string secret, read_file(path, where));
  while (!secret.empty() && (secret.back() == '\n' || secret.back() == '\r')) secret.pop_back();
  return secret;
}

Status apply_config_text(Options& options, const std::string& yaml, const std::string& name, const Environment& environment) {
  try {
    return ConfigReader(options, name, environment).read(YAML::Load(yaml));
  } catch (const YAML::Exception& broken) {
    return usage_error(name + ":" + std::to_string(broken.mark.line + 1) + ":" + std::to_string(broken.mark.column + 1) +
                       ": not YAML: " + broken.msg);
  }
}

Status apply_config_file(Options& options, const std::string& path, const Environment& environment) {
  TRY(const std::string yaml, read_file(path, "--config"));
  return apply_config_text(options, yaml, path, environment);
}

}  // namespace luge
