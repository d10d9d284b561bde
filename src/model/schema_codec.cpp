#include <nlohmann/json.hpp>

#include "base/result.h"
#include "model/chunk_codec.h"
#include "model/utf8.h"

namespace luge {

namespace {

using Json = nlohmann::json;

constexpr int kSchemaVersion = 1;
constexpr int kDeepestType = 64;  // domains over domains: bounded, so that bad bytes cannot exhaust the stack

/// Names are bytes; where a database does not say how they are encoded (SQL_ASCII) they need not be UTF-8.
Json encode_name(const std::string& name) {
  if (is_utf8(name)) return name;
  Json bytes = Json::array();
  for (const char c : name) bytes.push_back(static_cast<unsigned char>(c));
  return bytes;
}

std::string decode_name(const Json& json) {
  if (json.is_string()) return json.get<std::string>();
  std::string name;
  for (const Json& byte : json) name += static_cast<char>(byte.get<std::uint8_t>());
  return name;
}

Json encode_type(const PgType& type) {
  Json json = {{"oid", type.oid},
               {"schema", encode_name(type.schema)},
               {"name", encode_name(type.name)},
               {"kind", std::string(1, type.kind)},
               {"delimiter", static_cast<unsigned char>(type.delimiter)},
               {"has_send", type.has_send},
               {"is_array", type.is_array},
               {"domain_typmod", type.domain_typmod}};
  if (type.base) json["base"] = encode_type(*type.base);
  if (type.element) json["element"] = encode_type(*type.element);
  return json;
}

std::shared_ptr<const PgType> decode_type(const Json& json, int depth = 0) {
  if (depth > kDeepestType) throw std::invalid_argument("too deep");
  auto type = std::make_shared<PgType>();
  type->oid = json.at("oid").get<Oid>();
  type->schema = decode_name(json.at("schema"));
  type->name = decode_name(json.at("name"));
  type->kind = json.at("kind").get<std::string>().at(0);
  type->delimiter = static_cast<char>(json.at("delimiter").get<std::uint8_t>());
  type->has_send = json.at("has_send").get<bool>();
  type->is_array = json.at("is_array").get<bool>();
  type->domain_typmod = json.at("domain_typmod").get<std::int32_t>();
  if (json.contains("base")) type->base = decode_type(json.at("base"), depth + 1);
  if (json.contains("element")) type->element = decode_type(json.at("element"), depth + 1);
  return type;
}

Json encode_column(const ColumnSchema& column) {
  Json json = {{"name", encode_name(column.name)},
               {"attnum", column.attnum},
               {"typmod", column.typmod},
               {"value", to_string(column.value)},
               {"in_identity", column.in_identity}};
  if (column.type) json["type"] = encode_type(*column.type);
  return json;
}

ColumnSchema decode_column(const Json& json) {
  ColumnSchema column;
  column.name = decode_name(json.at("name"));
  column.attnum = json.at("attnum").get<std::int16_t>();
  column.typmod = json.at("typmod").get<std::int32_t>();
  auto value = parse_value_type(json.at("value").get<std::string>());
  if (!value) throw std::invalid_argument("unknown value type");
  column.value = *std::move(value);
  column.in_identity = json.at("in_identity").get<bool>();
  if (json.contains("type")) column.type = decode_type(json.at("type"));
  return column;
}

TableSchemaPtr decode(const Json& json) {
  if (json.at("version").get<int>() != kSchemaVersion) throw std::invalid_argument("unknown version");
  auto schema = std::make_shared<TableSchema>();
  schema->oid = json.at("oid").get<RelationOid>();
  schema->name = {decode_name(json.at("schema")), decode_name(json.at("table"))};
  const auto identity = json.at("identity").get<std::string>();
  if (identity.size() != 1 || std::string_view("ndfi").find(identity.front()) == std::string_view::npos)
    throw std::invalid_argument("unknown identity");
  schema->identity = static_cast<ReplicaIdentity>(identity.front());
  if (json.contains("newest_attnum"))
    schema->newest_attnum = json.at("newest_attnum").get<std::int16_t>();  // shapes stored before it was kept have none
  for (const Json& column : json.at("columns")) schema->columns.push_back(decode_column(column));
  for (const Json& key : json.at("key_columns")) {
    schema->key_columns.push_back(key.get<std::uint16_t>());
    if (schema->key_columns.back() >= schema->columns.size()) throw std::invalid_argument("a key column is not one of the columns");
  }
  return schema;
}

}  // namespace

std::string encode_schema(const TableSchema& schema) {
  Json json = {{"version", kSchemaVersion},
               {"oid", schema.oid},
               {"schema", encode_name(schema.name.schema)},
               {"table", encode_name(schema.name.table)},
               {"identity", std::string(1, static_cast<char>(schema.identity))},
               {"columns", Json::array()},
               {"key_columns", schema.key_columns}};
  if (schema.newest_attnum != 0) json["newest_attnum"] = schema.newest_attnum;
  for (const ColumnSchema& column : schema.columns) json["columns"].push_back(encode_column(column));
  return json.dump();
}

Result<TableSchemaPtr> decode_schema(std::string_view text) {
  const auto corrupt = [] { return fatal("corrupt", "a stored table shape cannot be read"); };
  const Json json = Json::parse(text, nullptr, false);
  if (json.is_discarded()) return corrupt();
  try {
    return decode(json);
  } catch (const std::exception&) {  // nlohmann's and our own from decode: wrong types, missing keys, unknown words
    return corrupt();
  }
}

}  // namespace luge
