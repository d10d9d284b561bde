#pragma once
#include <algorithm>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "destination/snowflake/actors/channel.h"
#include "model/checkpoint.h"

namespace luge {

/// A batch that was taken, until it is durable as a whole.
struct TakenBatch {
  bool complete = true;
  Checkpoint checkpoint;
  std::uint64_t rows = 0;
  std::map<std::shared_ptr<Channel>, Position> needs;
  std::map<RelationOid, std::uint64_t> touched;  ///< tables with changes to fold, and how many
  std::map<RelationOid, std::string> entries;    ///< of the ledger, as they are after this batch
  std::set<RelationOid> told;                    ///< tables that changed by themselves
  std::optional<std::string> catalog_memory;
  std::vector<std::uint64_t> barriers;

  /// `part` came before: its transaction ends in this batch.
  void follow(TakenBatch part) {
    for (auto& [channel, position] : part.needs) {
      Position& need = needs[channel];
      need = std::max(need, position);
    }
    for (const auto& [oid, count] : part.touched) touched[oid] += count;
    entries.merge(std::move(part.entries));
    told.merge(std::move(part.told));
    if (!catalog_memory) catalog_memory = std::move(part.catalog_memory);
  }
};

}  // namespace luge
