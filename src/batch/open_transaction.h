#pragma once
#include <memory>
#include <optional>
#include <unordered_map>
#include <vector>

#include "batch/chunk_builder.h"
#include "batch/spool.h"
#include "batch/spool_file.h"
#include "batch/spool_subtransactions.h"

namespace luge {

/// A piece of an open transaction that is not being built any more: rows of one table (in memory or in the file), a TRUNCATE of it, or the
/// misfit that ended its rows.
struct SpoolPiece {
  RelationOid oid = 0;
  std::uint64_t first_ordinal = 0;
  std::optional<TableChunk> chunk;            ///< rows in memory
  TableSchemaPtr schema;                      ///< rows in the file: the shape itself, which its bytes repeat without missing values
  std::optional<SpoolFile::Extent> extent;    ///< rows in the file
  std::uint64_t end_ordinal = 0;              ///< rows at or above it are aborted; never less than that of the piece before it
  std::unique_ptr<SpooledMisfit> misfit;
  std::size_t bytes = 0;                      ///< of the chunk in memory
};

/// Bytes that all open transactions hold together.
struct SpoolMemory {
  std::size_t rows = 0;   ///< can go to the file
  std::size_t notes = 0;  ///< stay: where pieces are and subtransactions begin
  std::size_t total() const { return rows + notes; }
};

/// What one streamed transaction has changed so far. What it holds in memory is counted in `memory`.
class OpenTransaction {
 public:
  OpenTransaction(Xid32 xid, const Spool::Options& options, SpoolFile& file, SpoolMemory& memory)
      : options_(options), file_(file), memory_(memory), subtransactions_(file, xid, options.subtransaction_block) {}
  ~OpenTransaction();
  OpenTransaction(const OpenTransaction&) = delete;
  OpenTransaction& operator=(const OpenTransaction&) = delete;

  // After an error nothing has happened.
  Status append(Xid32 subxid, const TableSchemaPtr& schema, const TableRow& row);
  Status truncate(Xid32 subxid, RelationOid oid);
  Status count(Xid32 subxid);
  Status abort_subtransaction(Xid32 subxid);
  /// No more rows come; pieces in the order of their first change.
  void close();
  /// Hands out the next piece's item; nullopt: none left.
  Result<std::optional<SpoolItem>> take_next(const TransactionRun& facts);

  /// Something in memory that can go to the file.
  struct Spillable {
    OpenTransaction* transaction;
    RelationOid oid;
    std::size_t piece;  ///< kOpen: the table's rows that are still being built
    std::size_t bytes;
  };
  static constexpr std::size_t kOpen = SIZE_MAX;
  void list_spillable(std::vector<Spillable>& out);
  Status spill(const Spillable& what);

 private:
  /// Changes of one table since its last piece.
  struct Table {
    std::unique_ptr<ChunkBuilder> builder;
    std::uint64_t first_ordinal = 0;      ///< of the builder's rows
    std::size_t counted_bytes = 0;        ///< of the builder, in memory_.rows
    std::optional<std::uint64_t> misfit;  ///< its ordinal: later changes only count
  };

  Status begin_subtransaction(Xid32 subxid);
  Table& table_of(RelationOid oid);
  void recount(Table& table);
  void recount_notes();
  /// A piece whose changes all have ordinals that were given out already.
  void add_piece(SpoolPiece piece);
  /// Ends the builder's rows as a piece; returns its index, or kOpen if there are none.
  std::size_t seal(RelationOid oid, Table& table);
  void release(SpoolPiece& piece);
  void cut(std::uint64_t ordinal);
  bool cut(SpoolPiece& piece, std::uint64_t ordinal);

  const Spool::Options& options_;
  SpoolFile& file_;
  SpoolMemory& memory_;
  std::uint64_t next_ordinal_ = 0;
  SpoolSubtransactions subtransactions_;
  std::size_t counted_notes_ = 0;  ///< in memory_.notes
  std::unordered_map<RelationOid, Table> tables_;
  RelationOid last_oid_ = 0;  ///< changes come in long stretches of one table
  Table* last_table_ = nullptr;
  std::vector<SpoolPiece> pieces_;
  std::size_t next_piece_ = 0;
};

}  // namespace luge
