#pragma once
#include <cstdint>
#include <vector>

#include "model/table_chunk.h"

namespace luge {

/// Which of `shards` channels each row of a chunk goes through: a hash of the stored values of its key columns and of nothing else, the
/// same in every process and release (a new rule would be a new generation of channels). An old image and its update both go to the
/// old key's shard. A table without a key has only shard 0: its rows are told apart by all their values.
std::vector<std::uint16_t> row_shards(const TableChunk& chunk, std::uint16_t shards);

}  // namespace luge
