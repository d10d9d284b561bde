#pragma once
#include <atomic>
#include <cstddef>

namespace luge {

/// One budget of bytes for everything a pipeline holds in memory: the open batch, the spool, sealed batches, chunks of copies. Reserve
/// before building; a refusal is back-pressure: stop reading, keep feedback going. Thread-safe.
class MemoryBudget {
 public:
  explicit MemoryBudget(std::size_t limit_bytes) : limit_(limit_bytes) {}

  bool try_reserve(std::size_t bytes);
  /// For what already exists and cannot be refused (one row larger than the rest of the budget). May exceed the limit.
  void force_reserve(std::size_t bytes) { used_.fetch_add(bytes, std::memory_order_relaxed); }
  void release(std::size_t bytes);
  /// For what grows and shrinks: `before` bytes of it were reserved, `now` are. May exceed the limit.
  void change(std::size_t before, std::size_t now);

  std::size_t used() const { return used_.load(std::memory_order_relaxed); }
  std::size_t limit() const { return limit_; }
  bool exhausted() const { return used() >= limit_; }

 private:
  const std::size_t limit_;
  std::atomic<std::size_t> used_{0};
};

}  // namespace luge
