#include "base/memory_budget.h"

#include "base/ensure.h"

namespace luge {

bool MemoryBudget::try_reserve(std::size_t bytes) {
  std::size_t before = used_.load(std::memory_order_relaxed);
  do {
    if (before + bytes > limit_) return false;
  } while (!used_.compare_exchange_weak(before, before + bytes, std::memory_order_relaxed));
  return true;
}

void MemoryBudget::release(std::size_t bytes) {
  std::size_t before = used_.fetch_sub(bytes, std::memory_order_relaxed);
  ENSURE(before >= bytes, "more memory released than reserved");
}

void MemoryBudget::change(std::size_t before, std::size_t now) {
  if (now > before) force_reserve(now - before);
  if (now < before) release(before - now);
}

}  // namespace luge
