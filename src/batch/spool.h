#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>

#include "base/memory_budget.h"
#include "base/result.h"
#include "batch/chunk_builder.h"
#include "model/table_chunk.h"

namespace luge {

struct SpooledTruncate {
  RelationOid oid = 0;
  std::uint64_t ordinal = 0;
};
struct SpooledMisfit {
  RelationOid oid = 0;
  TableName table;
  std::uint64_t ordinal = 0;
  Misfit misfit;
};
using SpoolItem = std::variant<TableChunk, SpooledTruncate, SpooledMisfit>;

/// Decoded changes of transactions that are still open at the source (streamed blocks). Bounded memory: past its share, sealed
/// chunks go to a file of luge's own (created unlinked in `directory`, so a kill leaves nothing), and so does all but the newest of
/// what is known of subtransactions. Single thread.
/// Ordinals count every change of the transaction that survives, unknown tables included.
class Spool {
 public:
  struct Options {
    std::string directory;                  ///< must exist
    std::size_t memory_bytes = 32U << 20;   ///< for all open transactions together
    std::uint32_t chunk_rows = 65536;       ///< a chunk is sealed at this many rows ...
    std::size_t chunk_bytes = 4U << 20;     ///< ... or bytes
    std::size_t subtransaction_block = 4096;  ///< beginnings of subtransactions (16 bytes each) that go to the file at once
  };
  explicit Spool(Options options);
  ~Spool();

  /// Changes of top-level transaction `xid`, written by `subxid` (equal to xid outside of savepoints), in stream order.
  Status append(Xid32 xid, Xid32 subxid, const TableSchemaPtr& schema, const TableRow& row);
  Status truncate(Xid32 xid, Xid32 subxid, RelationOid oid);
  /// A change of a table that is not wanted: takes an ordinal only.
  Status count(Xid32 xid, Xid32 subxid);

  /// Stream Abort. subxid == xid drops all of it; else that subtransaction and what came after its first change.
  /// Here as everywhere, a call that failed has done nothing and may be repeated.
  Status abort(Xid32 xid, Xid32 subxid);
  /// Everything, at reconnect.
  void clear();

  /// Reads a committed transaction back, item by item in order; every TableChunk gets one run with these facts.
  /// The transaction is gone from the spool when the reader is destroyed or `next` returned nullopt.
  /// A reader must not outlive the spool.
  class Reader {
   public:
    virtual ~Reader() = default;
    virtual Result<std::optional<SpoolItem>> next() = 0;
  };
  std::unique_ptr<Reader> commit(Xid32 xid, Lsn commit_lsn, Xid full_xid, PgTimestamp commit_time);

  /// Rows, and what is known of them and of subtransactions.
  std::size_t memory_bytes() const;
  std::size_t file_bytes() const;
  std::size_t open_transactions() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace luge
