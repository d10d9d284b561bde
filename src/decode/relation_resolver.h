#pragma once
#include <functional>

#include "base/result.h"
#include "decode/column_alignment.h"
#include "decode/message.h"
#include "model/catalog_table.h"
#include "model/column_options.h"
#include "model/table_schema.h"

namespace luge {

using ColumnOptionsLookup = std::function<ColumnOptions(const TableName& table, const std::string& column, const PgType& type)>;

/// Gives a Relation message its attnums and types. A streamed transaction may have altered the table without having committed yet:
/// the catalog is then behind the message. New columns at the end take the attnums after the last one (dropped ones included), their
/// types come from `catalog.types`; a column without a partner at the place of another of the same type is that one renamed.
/// The catalog may be ahead of the stream (a later ALTER), so names are matched
/// within the order of attnums, dropped columns included; `previous` (the shape before, or null) helps. What stays ambiguous is an
/// error with recovery quarantine_table and code "ambiguous_schema": never a guess. A catalog that is known not to be behind leaves less open.
/// `build_missing` is not done here: missing_value of new columns is filled by the caller from CatalogColumn.missing_text.
Result<TableSchemaPtr> resolve_relation(const RelationMessage& relation, const CatalogTable& catalog, const TableSchema* previous,
                                        const ColumnOptionsLookup& options, CatalogAge age = CatalogAge::may_be_behind);

/// The shape a copy reads: the published columns of the catalog's table (column list applied; generated columns left out unless published).
Result<TableSchemaPtr> schema_from_catalog(const CatalogTable& catalog, const ColumnOptionsLookup& options);

}  // namespace luge
