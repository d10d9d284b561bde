#include "pipeline/missing_values.h"

#include <algorithm>

#include "batch/column_builder.h"

namespace luge {

SchemaWithMissing with_missing_values(const TableSchema& schema, const CatalogTable& catalog) {
  auto filled = std::make_shared<TableSchema>(schema);
  SchemaWithMissing out;
  for (ColumnSchema& column : filled->columns) {
    const auto known =
        std::find_if(catalog.columns.begin(), catalog.columns.end(), [&](const CatalogColumn& c) { return c.attnum == column.attnum; });
    if (known == catalog.columns.end() || !known->missing_text) continue;
    const auto builder = make_column_builder(*column.type, column.typmod, column.value);
    if (builder->append({ValueState::text, *known->missing_text})) {
      column.missing_value = std::make_shared<const ArrowColumn>(builder->finish());
    } else {
      Misfit misfit = misfit_of(column, *builder);
      misfit.reason = "rows older than the column read as its default, and " + misfit.reason;
      out.unfit.push_back({column.attnum, std::move(misfit)});
    }
  }
  out.schema = std::move(filled);
  return out;
}

const Misfit* unfit_for(const std::vector<UnfitDefault>& unfit, const TableSchema* before) {
  if (before == nullptr) return nullptr;
  for (const UnfitDefault& each : unfit) {
    const auto same = [&](const ColumnSchema& column) { return column.attnum == each.attnum; };
    if (std::none_of(before->columns.begin(), before->columns.end(), same)) return &each.misfit;
  }
  return nullptr;
}

}  // namespace luge
