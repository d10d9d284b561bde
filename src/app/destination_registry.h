#pragma once
#include <memory>
#include <string>

#include "app/options.h"
#include "app/pipeline_places.h"
#include "base/result.h"
#include "destination/destination.h"
#include "model/ledger_store.h"

namespace luge {

/// How the process's memory_limit is shared out: the rest is the process itself.
struct MemoryShares {
  std::uint64_t destination = 0;
  std::uint64_t pipeline = 0;
};
MemoryShares share_memory(std::uint64_t limit, DestinationName::Kind kind);

/// Where null: keeps its position.
std::string null_position_path(const PipelinePlaces& places);

/// The one place that names concrete destinations. Nothing is opened or created yet. `ledger` must outlive the destination.
Result<std::unique_ptr<Destination>> make_destination(const PipelinePlaces& places, const Options& options, LedgerStore& ledger);
/// Whether make_destination would succeed: usage errors, missing keys.
Status check_destination(const PipelinePlaces& places, const Options& options);

}  // namespace luge
