#pragma once
#include <cstddef>
#include <cstdint>

#include "base/memory_budget.h"

namespace luge {

/// What one session of a copy holds of the pipeline's memory for as long as it reads: its share, and more only while a row is larger
/// than that. All sessions together have a quarter of the budget, in equal parts that are each other's neither to take nor to await.
///
/// The share is reserved at once, beyond the limit if need be. So a busy stream, which fills whatever is free, finds less and makes room,
/// and it never waits for a copy: whenever no batch of its own is under way it goes on, however little is free (Pipeline::can_accept).
/// The session waits for that room before it uses its share (TableCopier). Single thread.
class CopyMemory {
 public:
  /// `sessions` may read at the same time.
  CopyMemory(MemoryBudget& budget, std::uint32_t sessions);
  ~CopyMemory() { budget_.release(reserved_); }
  CopyMemory(const CopyMemory&) = delete;
  CopyMemory& operator=(const CopyMemory&) = delete;

  /// Bytes at which a chunk is full.
  std::size_t share() const { return share_; }
  /// All that is reserved is within the budget.
  bool has_room() const { return budget_.used() <= budget_.limit(); }

  /// So many bytes are held, or will be in a moment.
  void hold(std::size_t bytes) {
    if (bytes > reserved_) [[unlikely]]
      change(bytes);
  }
  /// Nothing is held any more; the share stays.
  void let_go() { change(share_); }

 private:
  void change(std::size_t bytes);

  MemoryBudget& budget_;
  const std::size_t share_;
  std::size_t reserved_;
};

}  // namespace luge
