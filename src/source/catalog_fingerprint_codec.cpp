#include <nlohmann/json.hpp>
#include <utility>

#include "source/catalog_fingerprint.h"

namespace luge {

namespace {

using Json = nlohmann::json;

constexpr int kVersion = 2;

}  // namespace

// Lists instead of objects: of thousands of tables with thousands of partitions the names of the fields would be most of it.
std::string encode_fingerprint(const CatalogFingerprint& fingerprint) {
  Json tables = Json::array();
  for (const auto& [oid, table] : fingerprint.tables) {
    Json partitions = Json::array();
    for (const auto& [partition, attached] : table.partitions) partitions.push_back({partition, attached});
    tables.push_back({oid, table.partitioned, table.file_node, table.columns, table.shape, table.membership, std::move(partitions), table.published,
                      table.newest_attnum});
  }
  Json labels = Json::array();
  for (const auto& [label, of] : fingerprint.types.enum_labels) labels.push_back({label, of.first, of.second});
  Json composites = Json::array();
  for (const auto& [type, digest] : fingerprint.types.composites) composites.push_back({type, digest});
  const Json document = {{"version", kVersion},
                         {"publication", fingerprint.publication},
                         {"tables", std::move(tables)},
                         {"enum_labels", std::move(labels)},
                         {"composites", std::move(composites)}};
  // A label of an SQL_ASCII database may be no UTF-8.
  return document.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::optional<CatalogFingerprint> decode_fingerprint(std::string_view text) {
  try {
    const Json document = Json::parse(text);
    if (document.at("version") != kVersion) return std::nullopt;
    CatalogFingerprint out;
    out.publication = document.at("publication");
    for (const Json& entry : document.at("tables")) {
      TableFingerprint& table = out.tables[entry.at(0).get<RelationOid>()];
      table.partitioned = entry.at(1);
      table.file_node = entry.at(2);
      table.columns = entry.at(3);
      table.shape = entry.at(4);
      table.membership = entry.at(5);
      for (const Json& partition : entry.at(6)) table.partitions[partition.at(0).get<RelationOid>()] = partition.at(1);
      table.published = entry.at(7).get<std::vector<std::int16_t>>();
      table.newest_attnum = entry.at(8);
    }
    for (const Json& label : document.at("enum_labels")) out.types.enum_labels[label.at(0).get<Oid>()] = {label.at(1), label.at(2)};
    for (const Json& composite : document.at("composites")) out.types.composites[composite.at(0).get<Oid>()] = composite.at(1);
    return out;
  } catch (const Json::exception&) {
    return std::nullopt;
  }
}

}  // namespace luge
