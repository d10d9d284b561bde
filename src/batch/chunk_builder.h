#pragma once
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "batch/column_builder.h"
#include "model/table_chunk.h"
#include "model/table_row.h"

namespace luge {

/// Why a row was refused; names only.
struct Misfit {
  /// "misfit": the column's type cannot hold the value. "unchanged_insert": an Insert that carries unchanged TOAST. "no_identity": an
  /// update or delete that does not say which row. "malformed": tuples that do not belong to the table's shape.
  std::string code;
  std::string column;
  std::string type;    ///< PostgreSQL's name of the type
  std::string reason;
  bool fits_text = false;  ///< "misfit": the same value would be taken with `as: text`
};

/// Code "misfit", of the value that `builder`, which is `column`'s, refused last.
Misfit misfit_of(const ColumnSchema& column, const ColumnBuilder& builder);

/// Builds one TableChunk. A refused row leaves no trace.
/// Old images: an update becomes old_image + update when its key changed, or always for a keyless table; an unchanged value of
/// `after` is taken from `before` where that tuple carries it.
class ChunkBuilder {
 public:
  explicit ChunkBuilder(TableSchemaPtr schema);

  /// Rows added from now on belong to this transaction. Streamed ones: commit_lsn 0 until set_open_run at commit.
  void begin_transaction(Lsn commit_lsn, Xid xid, PgTimestamp commit_time);
  /// Adds one change. The row's tuples have as many values as the schema has columns (checked: else code "malformed").
  std::optional<Misfit> append(const TableRow& row, std::uint64_t ordinal);
  /// Adds one copied row (no op, no ordinal).
  std::optional<Misfit> append_copied(std::span<const ValueView> values);

  const TableSchemaPtr& schema() const { return schema_; }
  std::uint32_t rows() const { return rows_; }
  /// Bytes held; a running estimate, exact to a few percent, O(1).
  std::size_t bytes() const { return bytes_; }
  /// Drops rows whose ordinal is at or above `ordinal` (aborted subtransaction).
  void truncate_from(std::uint64_t ordinal);
  /// Hands the rows out and starts empty, in the same transaction.
  TableChunk finish();

 private:
  using Values = std::span<const ValueView>;

  std::optional<Misfit> refuse(std::string_view code, std::size_t column, std::string_view reason) const;
  std::optional<Misfit> refuse_value(std::size_t column) const;
  std::optional<Misfit> refuse_shape(std::string_view reason) const;
  /// One row of the chunk; on a misfit columns before the offending one are longer by a value until roll_back.
  std::optional<Misfit> add_insert(const TableRow& row);
  std::optional<Misfit> add_update(const TableRow& row);
  /// Keys only; the whole tuple of a keyless table.
  std::optional<Misfit> add_old(const TableRow& row, RowOp op);
  void add_absent(std::size_t column);
  void end_row(RowOp op);
  void roll_back(std::uint32_t rows);
  void reserve_as_before();

  /// Its old tuple carries every column.
  bool is_whole(const TableRow& row) const;
  bool carries(const TableRow& row, std::size_t column) const;
  bool key_changed(const TableRow& row) const;
  /// Brings the bytes up to date now and then; between, they grow by what came in.
  void count_bytes(std::size_t incoming);
  void measure();

  TableSchemaPtr schema_;
  std::uint32_t rows_ = 0;
  std::size_t bytes_ = 0;
  std::vector<std::unique_ptr<ColumnBuilder>> builders_;
  std::vector<bool> is_key_;
  TableChunk chunk_;  ///< its columns come with finish()
  std::vector<std::size_t> present_bits_;  ///< per column: rows that chunk_.present covers; later ones are present
  TransactionRun transaction_;             ///< whose rows are added now; end_row unused
  bool run_open_ = false;                  ///< the last run of chunk_ is this transaction's
  std::uint32_t rows_before_ = 0;  ///< of the chunk handed out last
  std::size_t ops_before_ = 0;
  std::uint32_t rows_to_measure_ = 0;
  std::size_t bytes_to_measure_ = 0;
};

}  // namespace luge
