#include "app/snowflake/snowflake_names.h"

#include "destination/snowflake/ddl/identifier.h"

namespace luge {

std::vector<Check> check_snowflake_names(const std::vector<CatalogTable>& tables, const SnowflakeOptions& options) {
  std::vector<Check> checks;
  std::vector<TableName> names;
  for (const CatalogTable& table : tables) {
    names.push_back(table.name);
    TableSchema shape;
    shape.name = table.name;
    for (const CatalogColumn& column : table.columns) {
      if (!column.dropped) shape.columns.emplace_back().name = column.name;
    }
    if (const auto columns = snowflake_column_names(shape, options.keep_case); !columns) {
      Check check = check_of(columns.error());
      check.tables.push_back(to_string(table.name));
      checks.push_back(std::move(check));
    }
  }
  if (const Status places = check_snowflake_places(names, options.schema, options.keep_case); !places) checks.push_back(check_of(places.error()));
  return checks;
}

}  // namespace luge
