#include "pipeline/missing_values.h"

#include <algorithm>

#include "batch/column_builder.h"

namespace luge {

TableSchemaPtr with_missing_values(const TableSchema& schema, const CatalogTable& catalog) {
  auto filled = std::make_shared<TableSchema>(schema);
  for (ColumnSchema& column : filled->columns) {
    const auto known =
        std::find_if(catalog.columns.begin(), catalog.columns.end(), [&](const CatalogColumn& c) { return c.attnum == column.attnum; });
    if (known == catalog.columns.end() || !known->missing_text) continue;
    const auto builder = make_column_builder(*column.type, column.typmod, column.value);
    if (builder->append({ValueState::text, *known->missing_text})) column.missing_value = std::make_shared<const ArrowColumn>(builder->finish());
  }
  return filled;
}

}  // namespace luge
