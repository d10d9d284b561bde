#include "sim/source_table.h"

#include <algorithm>

#include "base/ensure.h"

namespace luge {

namespace {

constexpr std::size_t kExternalBytes = 16;

std::shared_ptr<const PgType> make_type(Oid oid, const char* name) {
  auto type = std::make_shared<PgType>();
  type->oid = oid;
  type->schema = "pg_catalog";
  type->name = name;
  return type;
}

}  // namespace

bool TableDef::keyed() const {
  return std::any_of(columns.begin(), columns.end(), [](const SimColumn& column) { return column.in_key; });
}

std::string TableDef::key_of(const Values& values) const {
  std::string key;
  for (const SimColumn& column : columns) {
    if (!column.in_key) continue;
    key += *values[static_cast<std::size_t>(column.attnum - 1)];
    key += '/';
  }
  return key;
}

bool is_external(const SimColumn& column, const Cell& value) { return column.toastable && value && value->size() >= kExternalBytes; }

std::shared_ptr<const PgType> sim_type(Oid oid) {
  static const auto boolean = make_type(pg_oid::kBool, "bool");
  static const auto int4 = make_type(pg_oid::kInt4, "int4");
  static const auto int8 = make_type(pg_oid::kInt8, "int8");
  static const auto text = make_type(pg_oid::kText, "text");
  switch (oid) {
    case pg_oid::kBool: return boolean;
    case pg_oid::kInt4: return int4;
    case pg_oid::kInt8: return int8;
    case pg_oid::kText: return text;
    default: break;
  }
  ENSURE(false, "a type the simulated server does not have");
}

CatalogTable to_catalog(const TableDef& def, bool published) {
  CatalogTable table;
  table.oid = def.oid;
  table.name = def.name;
  table.identity = def.identity;
  for (const SimColumn& column : def.columns) {
    CatalogColumn out;
    out.attnum = column.attnum;
    out.dropped = column.dropped;
    out.name = column.dropped ? "........pg.dropped." + std::to_string(column.attnum) + "........" : column.name;
    if (!column.dropped) {
      out.type = sim_type(column.type);
      out.missing_text = column.missing;
    }
    if (column.in_key) table.primary_key.push_back(column.attnum);
    table.columns.push_back(std::move(out));
  }
  table.file_node = def.oid;
  table.pages = 1;
  table.published = published;
  return table;
}

}  // namespace luge
