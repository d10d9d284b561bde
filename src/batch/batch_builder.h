#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <unordered_map>
#include <vector>

#include "batch/chunk_builder.h"
#include "model/batch.h"

namespace luge {

/// Gathers rows of many tables until the pipeline seals them. Order is kept within a table; operations that concern one table
/// close its open chunk first.
class BatchBuilder {
 public:
  /// Rows from now on belong to this transaction.
  void begin_transaction(Lsn commit_lsn, Xid xid, PgTimestamp commit_time);

  /// Adds one change; a refused row leaves no trace.
  std::optional<Misfit> append(const TableSchemaPtr& schema, const Route& route, const TableRow& row, std::uint64_t ordinal);
  /// Adds a chunk that was built elsewhere (a streamed transaction), with its runs filled in.
  void append_chunk(TableChunk chunk, const Route& route);
  /// Adds an operation after everything its table (or, for 0, every table) has so far.
  void append_op(RelationOid oid, BatchOp op);

  std::uint64_t rows() const { return rows_; }
  /// Bytes held, an estimate.
  std::size_t bytes() const { return bytes_; }
  bool empty() const { return rows_ == 0 && ops_.empty(); }

  /// Hands over all operations in order and starts empty. Shapes are kept for reuse.
  std::vector<BatchOp> take();
  /// Forgets everything.
  void clear();

 private:
  struct Open {
    std::unique_ptr<ChunkBuilder> builder;
    Route route;
    std::uint64_t transaction = 0;
    std::size_t bytes = 0;
  };
  void close(Open& open);

  std::unordered_map<RelationOid, Open> open_;
  Open* last_ = nullptr;
  RelationOid last_oid_ = 0;
  std::vector<BatchOp> ops_;
  std::uint64_t transaction_ = 0;
  Lsn commit_lsn_;
  Xid xid_ = 0;
  PgTimestamp commit_time_;
  std::uint64_t rows_ = 0;
  std::size_t bytes_ = 0;
};

}  // namespace luge
