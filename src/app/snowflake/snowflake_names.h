#pragma once
#include <vector>

#include "app/check.h"
#include "destination/snowflake/snowflake_options.h"
#include "model/catalog_table.h"

namespace luge {

/// Pure. Tables, and columns of one table, whose names would be one in Snowflake, or are luge's own there.
std::vector<Check> check_snowflake_names(const std::vector<CatalogTable>& tables, const SnowflakeOptions& options);

}  // namespace luge
