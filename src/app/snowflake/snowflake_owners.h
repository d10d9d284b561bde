#pragma once
#include <map>
#include <string>
#include <vector>

#include "app/check.h"
#include "base/result.h"
#include "destination/snowflake/ddl/table_ddl.h"
#include "destination/snowflake/snowflake_options.h"
#include "model/catalog_table.h"

namespace luge {

/// Whose mirror stands in Snowflake under this pipeline's name; an empty uuid: none yet. Error "foreign": what stands there is somebody else's.
Result<TableOwner> find_snowflake_owner(const SnowflakeOptions& options, const std::string& pipeline);

struct OwnershipQuestion {
  const SnowflakeOptions& options;
  const TableOwner& owner;
  bool log_mode = false;
  const std::map<std::string, std::string>& ledger;  ///< of the pipeline; tables that it follows already are its own
};

/// Tables whose place in Snowflake is taken by somebody else's: in the words with which `run` stops such a table. On a first start that is a
/// problem, later a warning: the others go on.
std::vector<Check> check_snowflake_owners(const std::vector<CatalogTable>& tables, const OwnershipQuestion& question);

}  // namespace luge
