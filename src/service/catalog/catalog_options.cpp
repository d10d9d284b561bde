#include "service/catalog/catalog_options.h"

#include <nlohmann/json.hpp>

#include "service/catalog/catalog_rows.h"

namespace luge {

namespace {

using nlohmann::json;

constexpr const char* kHint = R"(write a JSON object such as {"batch_max_bytes": "64MiB", "on_gap": "resync"})";

Error bad_options(std::string what) { return fatal("bad_options", std::move(what), kHint); }

/// nullopt: not a single value.
std::optional<std::string> scalar(const json& value) {
  if (value.is_string()) return value.get<std::string>();
  if (value.is_boolean()) return std::string(value.get<bool>() ? "on" : "off");
  if (value.is_number_integer() || value.is_number_float()) return value.dump();
  return std::nullopt;
}

bool is_option_name(std::string_view name) {
  return !name.empty() && name.size() <= 63 && name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_") == std::string_view::npos;
}

Result<std::string> text_of(const std::string& name, const json& value) {
  if (value.is_object()) return value.dump();
  if (auto single = scalar(value)) return *std::move(single);
  if (!value.is_array()) return bad_options("the option " + name + " has no value");
  std::string list;
  for (const json& item : value) {
    const auto single = scalar(item);
    if (!single) return bad_options("the option " + name + " is not a list of single values");
    list += (list.empty() ? "" : ",") + *single;
  }
  return list;
}

}  // namespace

Result<OptionMap> parse_options(std::string_view text) {
  OptionMap options;
  if (text.empty()) return options;
  if (text.size() > kLongestCatalogText) return bad_options("the options are longer than 64 KiB");
  const json parsed = json::parse(text, nullptr, false);
  if (!parsed.is_object()) return bad_options("the options are not a JSON object");
  for (const auto& [name, value] : parsed.items()) {
    if (!is_option_name(name)) return bad_options("an option's name has other characters than a-z, 0-9 and _");
    TRY(options[name], text_of(name, value));
  }
  return options;
}

std::string write_options(const OptionMap& options) {
  json object = json::object();
  for (const auto& [name, value] : options) {
    json nested = value.starts_with('{') ? json::parse(value, nullptr, false) : json();
    object[name] = nested.is_object() ? std::move(nested) : json(value);
  }
  return object.dump(-1, ' ', false, json::error_handler_t::replace);
}

}  // namespace luge
