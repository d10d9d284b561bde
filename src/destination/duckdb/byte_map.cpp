#include "destination/duckdb/byte_map.h"

#include <bit>
#include <utility>
#include <xxhash.h>

namespace luge {

ByteMap::ByteMap(std::size_t expected) : slots_(std::bit_ceil(std::max<std::size_t>(expected * 2, 16))) { strings_.reserve(expected); }

ByteMap::Found ByteMap::find_or_add(std::string_view bytes) {
  const std::uint64_t hash = XXH3_64bits(bytes.data(), bytes.size());
  const std::size_t mask = slots_.size() - 1;
  std::size_t at = hash & mask;
  while (slots_[at].number_plus_one != 0) {
    if (slots_[at].hash == hash && this->bytes(slots_[at].number_plus_one - 1) == bytes) return {slots_[at].number_plus_one - 1, false};
    at = (at + 1) & mask;
  }
  const auto number = static_cast<std::uint32_t>(strings_.size());
  strings_.push_back({arena_.size(), static_cast<std::uint32_t>(bytes.size())});
  arena_.append(bytes.data(), bytes.size());
  slots_[at] = {hash, number + 1};
  if (strings_.size() * 2 > slots_.size()) grow();
  return {number, true};
}

void ByteMap::grow() {
  std::vector<Slot> old = std::exchange(slots_, std::vector<Slot>(slots_.size() * 2));
  const std::size_t mask = slots_.size() - 1;
  for (const Slot& slot : old) {
    if (slot.number_plus_one == 0) continue;
    std::size_t at = slot.hash & mask;
    while (slots_[at].number_plus_one != 0) at = (at + 1) & mask;
    slots_[at] = slot;
  }
}

}  // namespace luge
