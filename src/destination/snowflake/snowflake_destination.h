#pragma once
#include <memory>

#include "base/result.h"
#include "destination/destination.h"
#include "destination/snowflake/snowflake_options.h"
#include "model/ledger_store.h"

namespace luge {

/// Snowflake: every change goes into the table's log through Snowpipe Streaming; current state follows by MERGE, or is a view. Rows are durable
/// long after they were taken, so it is pipelined.
/// `ledger` and `clock` must outlive it. Connects to nothing yet. Errors: those of the credentials.
Result<std::unique_ptr<Destination>> make_snowflake_destination(SnowflakeOptions options, LedgerStore& ledger, const Clock& clock);

}  // namespace luge
