#include "decode/type_finder.h"

#include <array>
#include <utility>

namespace luge {

namespace {

struct Builtin {
  Oid oid;
  const char* name;
};

constexpr std::array kBuiltins{
    Builtin{pg_oid::kBool, "bool"},
    Builtin{pg_oid::kBytea, "bytea"},
    Builtin{pg_oid::kChar, "char"},
    Builtin{pg_oid::kName, "name"},
    Builtin{pg_oid::kInt8, "int8"},
    Builtin{pg_oid::kInt2, "int2"},
    Builtin{pg_oid::kInt4, "int4"},
    Builtin{pg_oid::kText, "text"},
    Builtin{pg_oid::kOid, "oid"},
    Builtin{pg_oid::kJson, "json"},
    Builtin{pg_oid::kXml, "xml"},
    Builtin{pg_oid::kFloat4, "float4"},
    Builtin{pg_oid::kFloat8, "float8"},
    Builtin{pg_oid::kMoney, "money"},
    Builtin{pg_oid::kBpchar, "bpchar"},
    Builtin{pg_oid::kVarchar, "varchar"},
    Builtin{pg_oid::kDate, "date"},
    Builtin{pg_oid::kTime, "time"},
    Builtin{pg_oid::kTimestamp, "timestamp"},
    Builtin{pg_oid::kTimestamptz, "timestamptz"},
    Builtin{pg_oid::kInterval, "interval"},
    Builtin{pg_oid::kTimetz, "timetz"},
    Builtin{pg_oid::kNumeric, "numeric"},
    Builtin{pg_oid::kUuid, "uuid"},
    Builtin{pg_oid::kJsonb, "jsonb"},
};

}  // namespace

TypeFinder::TypeFinder(const CatalogTable& catalog, const TableSchema* previous) : catalog_(catalog) {
  for (const CatalogColumn& column : catalog.columns) remember(column.type);
  for (const auto& type : catalog.types) remember(type);
  if (previous == nullptr) return;
  for (const ColumnSchema& column : previous->columns) remember(column.type);
}

void TypeFinder::remember(const std::shared_ptr<const PgType>& type) {
  if (!type || !known_.emplace(type->oid, type).second) return;
  remember(type->base);
  remember(type->element);
}

std::shared_ptr<const PgType> TypeFinder::find(std::int16_t attnum, Oid oid) const {
  const auto index = static_cast<std::size_t>(attnum - 1);  // attnums count from 1 without gaps
  if (attnum > 0 && index < catalog_.columns.size()) {
    const CatalogColumn& column = catalog_.columns[index];
    if (column.attnum == attnum && column.type && column.type->oid == oid) return column.type;
  }
  if (const auto found = known_.find(oid); found != known_.end()) return found->second;
  return builtin_type(oid);
}

std::shared_ptr<const PgType> builtin_type(Oid oid) {
  for (const Builtin& builtin : kBuiltins) {
    if (builtin.oid != oid) continue;
    PgType type;
    type.oid = oid;
    type.schema = "pg_catalog";
    type.name = builtin.name;
    return std::make_shared<const PgType>(std::move(type));
  }
  return nullptr;
}

}  // namespace luge
