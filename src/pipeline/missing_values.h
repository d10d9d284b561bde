#pragma once
#include <string>
#include <vector>

#include "batch/chunk_builder.h"
#include "model/catalog_table.h"
#include "model/table_schema.h"

namespace luge {

/// A column whose old rows read as a value that it cannot hold.
struct UnfitDefault {
  std::int16_t attnum = 0;
  Misfit misfit;
};

struct SchemaWithMissing {
  TableSchemaPtr schema;
  std::vector<UnfitDefault> unfit;  ///< left without a missing_value: added to rows that are there, they would read as NULL
};

/// `schema` with the values that rows older than a column read as (pg_attribute.attmissingval), built by the column's own builder
/// from PostgreSQL's text.
SchemaWithMissing with_missing_values(const TableSchema& schema, const CatalogTable& catalog);

/// The first of `unfit` that a table of shape `before` (null: it has no rows yet) does not have: its old rows would need the value.
const Misfit* unfit_for(const std::vector<UnfitDefault>& unfit, const TableSchema* before);

}  // namespace luge
