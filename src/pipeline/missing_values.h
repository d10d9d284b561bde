#pragma once
#include "model/catalog_table.h"
#include "model/table_schema.h"

namespace luge {

/// `schema` with the values that rows older than a column read as (pg_attribute.attmissingval), built by the column's own builder
/// from PostgreSQL's text. A value the column cannot hold leaves it without one: such a table is stopped at its first such row.
TableSchemaPtr with_missing_values(const TableSchema& schema, const CatalogTable& catalog);

}  // namespace luge
