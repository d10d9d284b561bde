#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "model/checkpoint.h"
#include "model/table_record.h"

namespace luge {

class ReadHandle;

/// Where a destination is: the truth that state and slot follow. apply() reports it instead of "this batch succeeded".
struct Frontier {
  std::string mirror_uuid;           ///< identity of the destination's data; made once
  Fence fence = 0;
  Checkpoint checkpoint;             ///< durable
  Lsn intent;                        ///< the destination's copy of ack_intent, in the checkpoint's epoch; zero: none
  Epoch newest_epoch = 0;            ///< open(): the last one that was begun here; beyond the checkpoint's, nothing was committed in it yet
  std::string catalog_memory;        ///< open(): the newest RememberCatalog; empty: none yet
  std::vector<TableRecord> tables;   ///< open(): all; apply(): those that changed by themselves (a divergence quarantines)
  struct ReadyBarrier {
    std::uint64_t id = 0;
    std::shared_ptr<ReadHandle> reader;
    std::optional<Error> refused{};  ///< why there is no reader; whoever asked for one hears it, and nothing else ends
  };
  std::vector<ReadyBarrier> barriers;
  std::uint64_t rows_applied = 0;    ///< apply(): source rows made durable or staged by this call
  Duration busy{0};                  ///< apply(): how long it took; batches grow with it
};

}  // namespace luge
