#pragma once
#include <memory>
#include <stop_token>

#include "destination/destination.h"
#include "destination/snowflake/snowflake_connection.h"

namespace luge {

/// Reads through the SQL API. `hold` keeps MERGE from running while the reader lives, so that it sees one state; nullptr: nothing to keep. `ends`: of the
/// opening that the reader belongs to.
Result<std::shared_ptr<ReadHandle>> make_snowflake_reader(std::shared_ptr<SnowflakeConnection> connection, std::shared_ptr<void> hold,
                                                          std::stop_token ends);

}  // namespace luge
