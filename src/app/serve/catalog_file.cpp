#include "app/serve/catalog_file.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>
#include <type_traits>
#include <vector>
#include <yaml-cpp/yaml.h>

#include "app/serve/row_words.h"
#include "app/usage_error.h"

namespace luge {

namespace {

using nlohmann::json;

class CatalogFile {
 public:
  explicit CatalogFile(std::string name) : name_(std::move(name)) {}

  Result<CatalogDocument> read(const YAML::Node& root) const {
    CatalogDocument document;
    // With --prune it would remove everything, and an empty file is hardly ever meant.
    const auto is_null = [](const auto& section) { return section.second.IsNull(); };
    if (root.IsNull() || (root.IsMap() && std::all_of(root.begin(), root.end(), is_null)))
      return usage_error(name_ + ": says nothing", "write the sections sources, destinations and pipelines; `sources: {}` is an empty catalog");
    if (!root.IsMap()) return usage_error(name_ + ": is not a mapping", "write the sections sources, destinations and pipelines");
    std::set<std::string> sections;
    for (const auto& section : root) {
      const auto key = section.first.as<std::string>();
      if (!sections.insert(key).second) return usage_error(at(section.first, key) + ": is there twice");
      if (key == "sources") {
        CHECK_OK(read_rows(section.second, key, document.sources));
      } else if (key == "destinations") {
        CHECK_OK(read_rows(section.second, key, document.destinations));
      } else if (key == "pipelines") {
        // What says nothing about it keeps on as it is (see CatalogDocument).
        PipelineRow fresh;
        fresh.desired.clear();
        CHECK_OK(read_rows(section.second, key, document.pipelines, fresh));
      } else {
        return usage_error(at(section.first, key) + ": unknown section", suggestion(key, {"sources", "destinations", "pipelines"}));
      }
    }
    return document;
  }

 private:
  std::string at(const YAML::Node& node, const std::string& key) const { return name_ + ":" + std::to_string(node.Mark().line + 1) + ": " + key; }

  template <class Row>
  Status read_rows(const YAML::Node& section, const std::string& path, std::vector<Row>& rows, const Row& fresh = {}) const {
    if (section.IsNull()) return ok();
    if (!section.IsMap()) return usage_error(at(section, path) + ": is not a mapping of names");
    std::set<std::string> names;
    for (const auto& entry : section) {
      Row row = fresh;
      row.name = entry.first.as<std::string>();
      const std::string where = path + "." + row.name;
      if (!names.insert(row.name).second) return usage_error(at(entry.first, where) + ": is there twice");
      if (!entry.second.IsMap()) return usage_error(at(entry.first, where) + ": is not a mapping");
      std::vector<std::string> words;
      std::set<std::string> keys;
      for (const auto& field : entry.second) {
        const auto key = field.first.template as<std::string>();
        if (!keys.insert(key).second) return usage_error(at(field.first, where + "." + key) + ": is there twice");
        if (key.find('=') != std::string::npos) return usage_error(at(field.first, where) + ": a key has no =");
        TRY(const std::string text, text_of(field.second, at(field.first, where + "." + key)));
        if (field.second.IsMap() && !takes_mapping<Row>(key))
          return usage_error(at(field.first, where + "." + key) + ": is not a text or a list",
                             "only `columns`, and `tables` of a destination, are mappings");
        words.push_back(key + "=" + text);
      }
      if (Status set = set_words(row, words); !set) return usage_error(at(entry.first, where) + ": " + set.error().what, set.error().hint);
      rows.push_back(std::move(row));
    }
    return ok();
  }

  template <class Row>
  static bool takes_mapping(std::string_view key) {
    return key == "columns" || (std::is_same_v<Row, DestinationRow> && key == "tables");
  }

  /// As in a row's options: a list joined by commas, a mapping as JSON.
  Result<std::string> text_of(const YAML::Node& node, const std::string& where) const {
    if (node.IsScalar()) return node.as<std::string>();
    if (node.IsNull()) return std::string();
    if (node.IsMap()) return json_of(node).dump();
    std::string list;
    for (const YAML::Node& item : node) {
      if (!item.IsScalar()) return usage_error(where + ": is not a list of single values");
      list += (list.empty() ? "" : ",") + item.as<std::string>();
    }
    return list;
  }

  static json json_of(const YAML::Node& node) {
    if (node.IsMap()) {
      json out = json::object();
      for (const auto& entry : node) out[entry.first.as<std::string>()] = json_of(entry.second);
      return out;
    }
    if (node.IsSequence()) {
      json out = json::array();
      for (const YAML::Node& item : node) out.push_back(json_of(item));
      return out;
    }
    return node.IsNull() ? json() : json(node.as<std::string>());
  }

  const std::string name_;
};

}  // namespace

Result<CatalogDocument> read_catalog_file(const std::string& yaml, const std::string& name) {
  try {
    return CatalogFile(name).read(YAML::Load(yaml));
  } catch (const YAML::Exception& broken) {
    return usage_error(name + ":" + std::to_string(broken.mark.line + 1) + ":" + std::to_string(broken.mark.column + 1) +
                       ": not YAML: " + broken.msg);
  }
}

}  // namespace luge
