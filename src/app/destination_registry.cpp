#include "app/destination_registry.h"

#include "app/snowflake/snowflake_settings.h"
#include "app/usage_error.h"
#include "base/clock.h"
#include "destination/duckdb/duckdb_destination.h"
#include "destination/null/null_destination.h"
#include "destination/snowflake/snowflake_destination.h"

namespace luge {

namespace {

Error not_in_this_build(const Options& options) {
  return usage_error("--to " + options.destination + " is not in this build", "destinations: duckdb:PATH, snowflake:, null:");
}

}  // namespace

MemoryShares share_memory(std::uint64_t limit, DestinationName::Kind kind) {
  if (kind == DestinationName::Kind::null || kind == DestinationName::Kind::snowflake) return {0, limit * 3 / 4};
  return {limit / 2, limit * 3 / 10};
}

std::string null_position_path(const PipelinePlaces& places) { return places.directory + "/null_position"; }

Result<std::unique_ptr<Destination>> make_destination(const PipelinePlaces& places, const Options& options, LedgerStore& ledger) {
  static const SystemClock clock;
  switch (places.destination.kind) {
    case DestinationName::Kind::duckdb: {
      DuckdbOptions duckdb;
      duckdb.path = places.destination.path;
      duckdb.memory_limit_bytes = share_memory(options.memory_limit, places.destination.kind).destination;
      return make_duckdb_destination(std::move(duckdb));
    }
    case DestinationName::Kind::null: return std::unique_ptr<Destination>(std::make_unique<NullDestination>(null_position_path(places)));
    case DestinationName::Kind::snowflake: {
      TRY(SnowflakeOptions snowflake, require_snowflake(options));
      TRY(std::unique_ptr<Destination> destination, make_snowflake_destination(std::move(snowflake), ledger, clock));
      return destination;
    }
    case DestinationName::Kind::parquet: break;
  }
  return not_in_this_build(options);
}

Status check_destination(const PipelinePlaces& places, const Options& options) {
  if (places.destination.kind == DestinationName::Kind::parquet) return not_in_this_build(options);
  if (places.destination.kind != DestinationName::Kind::snowflake) return ok();
  TRY(const SnowflakeOptions snowflake, require_snowflake(options));
  return ok();
}

}  // namespace luge
