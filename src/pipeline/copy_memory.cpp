#include "pipeline/copy_memory.h"

#include <algorithm>
#include <utility>

namespace luge {

namespace {

constexpr std::size_t kMostBytes = 8U << 20;  // a larger chunk is no faster

}  // namespace

CopyMemory::CopyMemory(MemoryBudget& budget, std::uint32_t sessions)
    : budget_(budget), share_(std::clamp<std::size_t>(budget.limit() / 4 / std::max(1U, sessions), 1, kMostBytes)), reserved_(share_) {
  budget_.force_reserve(reserved_);
}

void CopyMemory::change(std::size_t bytes) { budget_.change(std::exchange(reserved_, bytes), bytes); }

}  // namespace luge
