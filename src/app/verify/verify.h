#pragma once
#include <functional>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "app/verify/left_out.h"
#include "app/verify/verify_report.h"
#include "base/result.h"
#include "destination/snowflake/snowflake_options.h"
#include "pipeline/driver.h"
#include "postgres/connection_options.h"

namespace luge {

struct VerifyRequest {
  ConnectionOptions source;
  VerifyScope scope;
  std::optional<SnowflakeOptions> snowflake;  ///< the mirror is there; else it is a DuckDB file
  std::size_t keys = 10;          ///< differences named per table
  std::function<void(const TableName& table)> on_table = [](const TableName&) {};
  std::stop_token stop;           ///< ends it early: "cancelled"
};

/// Compares the source with the mirror that `driver` feeds, both as of one LSN: the pipeline is held between two transactions, the
/// source's snapshot is taken at L, and the mirror's reader is opened when the pipeline has passed exactly the commits before L.
/// Tables of the scope that the mirror does not follow are in the report as not compared.
/// Blocks; the pipeline goes on meanwhile. Any thread but the driver's.
Result<VerifyReport> verify(Driver& driver, const VerifyRequest& request);

}  // namespace luge
