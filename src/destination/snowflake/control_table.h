#pragma once
#include <cstdint>
#include <optional>
#include <string>

#include "base/clock.h"
#include "base/result.h"
#include "destination/snowflake/snowflake_options.h"
#include "destination/snowflake/sql/sql_client.h"

namespace luge {

/// A pipeline's own table in Snowflake, one row per recorded intent. Its comment says whose mirror the pipeline's tables are.
class ControlTable {
 public:
  struct Found {
    std::string uuid;        ///< of the mirror
    std::uint64_t rows = 0;  ///< about, and 0 where Snowflake does not say
  };

  ControlTable(const SnowflakeOptions& options, const std::string& pipeline);

  const std::string& schema() const { return schema_; }
  const std::string& name() const { return name_; }
  std::string qualified() const;

  /// nullopt: there is none yet. Reads only, without a warehouse. Error "foreign": it is somebody else's.
  Result<std::optional<Found>> find(SqlClient& sql, Duration longest = std::chrono::minutes(5)) const;
  /// Makes it, and its schema where the options name none, if it is not there.
  Result<Found> make(SqlClient& sql) const;
  /// Deletes all rows but the newest: only that one is ever read.
  Result<std::uint64_t> trim(SqlClient& sql) const;

 private:
  std::string pipeline_;
  std::string schema_;
  bool own_schema_ = false;
  std::string name_;
};

}  // namespace luge
