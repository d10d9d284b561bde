#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "base/memory_budget.h"
#include "model/checkpoint.h"
#include "model/table_chunk.h"
#include "model/table_record.h"

namespace luge {

/// Where a change of a table goes.
struct Route {
  enum class Kind : std::uint8_t {
    live,     ///< into the table
    pending,  ///< kept durably for the copy `attempt`; applied at its FinishCopy if invisible in its snapshot
  };
  Kind kind = Kind::live;
  Attempt attempt = 0;
  friend bool operator==(const Route&, const Route&) = default;
};

struct Rows {
  Route route;
  TableChunk chunk;
};

/// "Delete all rows first", at its place between the rows of its transaction.
struct Truncate {
  RelationOid oid = 0;
  Route route;
  Position position;
  Xid xid = 0;
  PgTimestamp commit_time;
};

/// Records a table's state durably, in order with the rows around it. A record with a state of `waiting` or `resyncing` and a
/// new attempt also forgets what older attempts left (pending changes, shadows). A live record with another shape or name than the
/// destination's table has alters that table, as a chunk of that shape would; a null shape keeps the one it has.
struct SetTable {
  TableRecord record;
};

/// The copy `attempt` has written all its rows: apply the pending changes that `snapshot` does not see, in order, swap the
/// shadow in, and go on as `catching_up`. One destination commit.
struct FinishCopy {
  RelationOid oid = 0;
  Attempt attempt = 0;
  Snapshot snapshot;
  TableSchemaPtr schema;  ///< the shape the copy was read with
  std::uint32_t file_node = 0;
};

/// What was known of the source's catalog when everything before it in the batch was found out: after a restart it is compared with what
/// is there then. The destination keeps the newest, in order with the operations around it, and returns it at open.
struct RememberCatalog {
  std::string memory;  ///< of CatalogScan; nothing for a destination to understand
};

/// Opens a consistent reader of everything before it (and nothing after it) and returns it under `id`.
struct Barrier {
  std::uint64_t id = 0;
};

/// The connection broke inside a transaction whose first part was already handed over: roll back to the last commit.
struct AbortOpenTransaction {};

using BatchOp = std::variant<Rows, Truncate, SetTable, FinishCopy, RememberCatalog, Barrier, AbortOpenTransaction>;

/// Gives reserved bytes back when the batch is gone.
class MemoryReservation {
 public:
  MemoryReservation() = default;
  MemoryReservation(MemoryBudget* budget, std::size_t bytes) : budget_(budget), bytes_(bytes) {}
  MemoryReservation(MemoryReservation&& other) noexcept : budget_(std::exchange(other.budget_, nullptr)), bytes_(std::exchange(other.bytes_, 0)) {}
  MemoryReservation& operator=(MemoryReservation&& other) noexcept {
    std::swap(budget_, other.budget_);
    std::swap(bytes_, other.bytes_);
    return *this;
  }
  MemoryReservation(const MemoryReservation&) = delete;
  MemoryReservation& operator=(const MemoryReservation&) = delete;
  ~MemoryReservation() {
    if (budget_ != nullptr) budget_->release(bytes_);
  }

 private:
  MemoryBudget* budget_ = nullptr;
  std::size_t bytes_ = 0;
};

/// What travels to a destination: operations in WAL order. Move-only.
struct Batch {
  std::uint64_t id = 0;                ///< counts up; for logs only, never for correctness
  std::vector<BatchOp> ops;
  /// True: ends at a transaction boundary, `checkpoint` is its last transaction, and the destination commits. False: the next
  /// batch continues the same transaction, and nothing may become durable yet.
  bool complete = true;
  Checkpoint checkpoint;               ///< meaningful when complete and it carries transactions; else the previous one
  std::uint64_t rows = 0;
  std::size_t bytes = 0;
  MemoryReservation memory;
};

}  // namespace luge
