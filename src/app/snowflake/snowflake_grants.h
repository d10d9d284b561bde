#pragma once
#include <string>
#include <vector>

#include "base/result.h"
#include "destination/snowflake/snowflake_options.h"
#include "destination/snowflake/sql/sql_client.h"

namespace luge {

/// A privilege that luge's role needs.
struct SnowflakeGrant {
  std::string privileges;  ///< "USAGE, CREATE TABLE"
  std::string object;      ///< WAREHOUSE, DATABASE, SCHEMA
  std::vector<std::string> name;  ///< exact parts
  std::string reason;      ///< one sentence

  /// GRANT USAGE ON WAREHOUSE "W" TO ROLE "R"
  std::string sql(const std::string& role) const;
};

/// All that luge does with these options, and nothing else. It owns what it creates.
std::vector<SnowflakeGrant> needed_grants(const SnowflakeOptions& options);

struct MissingGrants {
  std::vector<SnowflakeGrant> missing;
  bool certain = false;  ///< all roles that the role inherits from were seen
};

/// The CREATE privileges among needed_grants() that `role` has not, by SHOW GRANTS of the role, of PUBLIC and of every role they inherit.
/// Nothing is missing where no grants are kept. (Whether it may use database, schema and warehouse shows in what it sees.)
Result<MissingGrants> find_missing_grants(SqlClient& sql, const SnowflakeOptions& options, const std::string& role);

}  // namespace luge
