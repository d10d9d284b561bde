#include "app/serve/spec_options.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <utility>

#include "app/config_file.h"
#include "app/destination_name.h"
#include "app/option_table.h"
#include "app/usage_error.h"
#include "service/catalog/secret_text.h"
#include "source/slot.h"

namespace luge {

namespace {

using nlohmann::json;

// Columns of a row of their own, or matters of the whole process.
constexpr std::array<std::string_view, 14> kNotAnOption{
    "source", "to",  "pipeline", "tables",          "mode",       "batch_max_size", "batch_max_fill_ms", "until",
    "json",   "log", "http",     "http_token_file", "http_names", "log_level"};

bool may_be_an_option(const OptionSpec& spec) {
  const std::string key = config_key(spec);
  return spec.in_file && (spec.verbs & verb_bit(Verb::run)) != 0 && !key.starts_with("http") &&
         std::ranges::find(kNotAnOption, key) == kNotAnOption.end();
}

Status set(Options& options, const std::string& key, const std::string& value, const std::string& where) {
  std::vector<std::string> known{"columns"};
  for (const OptionSpec& spec : option_table()) {
    if (!may_be_an_option(spec)) continue;
    if (config_key(spec) == key) return set_option(options, spec, value, where + "." + key);
    known.push_back(config_key(spec));
  }
  if (std::ranges::find(kNotAnOption, key) != kNotAnOption.end()) {
    return usage_error(where + "." + key + ": is a column of a row, or an option of luge serve", "");
  }
  return usage_error(where + ": there is no option " + shown_word(key), suggestion(key, known));
}

Status set_all(Options& options, const OptionMap& from, const std::string& where) {
  for (const auto& [key, value] : from) {
    if (key == "columns") {
      const json rules = json::parse(value, nullptr, false);
      if (!rules.is_object()) return usage_error(where + ".columns: is not an object", R"(write {"public.orders.note": {"as": "text"}})");
      CHECK_OK(apply_config_text(options, json{{"columns", rules}}.dump(1), where, [](const auto&) { return std::nullopt; }));
    } else {
      CHECK_OK(set(options, key, value, where));
    }
  }
  return ok();
}

/// The configuration file's reader replaces ${NAME}: here everything is replaced already.
json literally(const json& value) {
  if (value.is_object()) {
    json out = json::object();
    for (const auto& [key, item] : value.items()) out[key] = literally(item);
    return out;
  }
  if (!value.is_string()) return value;
  std::string text;
  const auto& from = value.get_ref<const std::string&>();
  for (std::size_t at = 0; at < from.size(); ++at) {
    if (from.compare(at, 2, "${") == 0) text += '$';
    text += from[at];
  }
  return text;
}

Status set_snowflake(Options& options, const OptionMap& from) {
  json section = json::object();
  for (const auto& [key, value] : from) {
    const json parsed = value.starts_with('{') ? json::parse(value, nullptr, false) : json();
    section[key] = literally(parsed.is_object() ? parsed : json(value));
  }
  return apply_config_text(options, json{{"snowflake", section}}.dump(1), "destination.options", [](const auto&) { return std::nullopt; });
}

}  // namespace

Result<Options> options_of(const PipelineSpec& spec) {
  const std::string ours = default_slot_name(spec.name);
  if (!spec.publication.empty() && spec.publication != ours) {
    return fatal("bad_publication", "the publication of pipeline " + spec.name + " is called " + ours,
                 "leave `publication` empty; luge adopts a publication of that name with its row filters and column lists");
  }
  Options options = default_options();
  options.source = spec.conninfo;
  options.destination = spec.address;
  options.pipeline = spec.name;
  options.tables = spec.tables;
  options.mode = spec.mode;
  if (spec.batch_max_size) options.batch_max_size = *spec.batch_max_size;
  if (spec.batch_max_fill_ms) options.batch_max_fill = std::chrono::milliseconds(*spec.batch_max_fill_ms);
  CHECK_OK(set_all(options, spec.source_options, "source.options"));
  TRY(const DestinationName destination, parse_destination_name(spec.address));
  if (destination.kind == DestinationName::Kind::snowflake) {
    CHECK_OK(set_snowflake(options, spec.destination_options));
  } else {
    CHECK_OK(set_all(options, spec.destination_options, "destination.options"));
  }
  CHECK_OK(set_all(options, spec.options, "options"));
  return options;
}

Status check_spec(const PipelineSpec& spec) {
  PipelineSpec without = spec;
  for (OptionMap* options : {&without.source_options, &without.destination_options, &without.options}) {
    for (auto& [name, value] : *options) {
      if (is_secret_option(name)) value = "secret";
    }
  }
  // A part of an address may be a variable: it is judged when it has its value.
  if (without.address.find("${") != std::string::npos) return ok();
  TRY(const Options options, options_of(without));
  return ok();
}

}  // namespace luge
