#pragma once
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "destination/snowflake/encode/value_writer.h"
#include "model/batch.h"
#include "model/position.h"
#include "model/table_chunk.h"

namespace luge {

/// NDJSON with its row boundaries: one line, ended by "\n", per row.
struct EncodedRows {
  struct Row {
    std::size_t end = 0;  ///< one past the row's "\n" in `text`
    Position position;    ///< its offset token
  };
  Buffer text;
  std::vector<Row> rows;

  /// Where row `i` begins in `text`.
  std::size_t begin(std::size_t i) const { return i == 0 ? 0 : rows[i - 1].end; }
  /// Row `i` with its "\n". Valid until more is encoded.
  std::string_view line(std::size_t i) const { return {reinterpret_cast<const char*>(text.data()) + begin(i), rows[i].end - begin(i)}; }
  void clear() {
    text.clear();
    rows.clear();
  }
};

/// Which rows of a chunk are encoded.
struct RowSelection {
  std::uint32_t from = 0;  ///< rows of the chunk; an old image belongs to its update, wherever the range begins or ends
  std::uint32_t to = std::numeric_limits<std::uint32_t>::max();
  std::span<const std::uint16_t> shard_of_row;  ///< row_shards() of the chunk; empty: all rows
  std::uint16_t shard = 0;
  std::optional<Position> after;  ///< only rows behind it: where the channel is
  /// Of row 0 of a chunk of copied rows; the next ones have the next ordinals. The epoch is the encoder's.
  Position copied_from;
};

/// A value that Snowflake's column cannot hold.
struct UnencodableValue {
  std::uint32_t row = 0;  ///< of the chunk
  std::size_t column = 0;
  MisfitReason reason = nullptr;  ///< a static sentence without the value
};

/// Which of luge's own columns a row carries.
enum class RowLayout : char {
  log,    ///< all of kLogColumns
  state,  ///< _LUGE_POSITION alone: copied rows on their way into a table of current rows
};

/// Turns chunks of one shape into rows of "<TABLE>__LOG" (log_columns.h), straight from Arrow memory. Absent values and NULLs are left
/// out of the object: the column reads as NULL, and the JSON value null of a VARIANT stays apart from it.
/// Keys are spelt once; no value is allocated for. One thread.
class NdjsonEncoder {
 public:
  /// `names`: the destination's column names, one per column of `schema`, none of them one of kLogColumns.
  /// `transformed`: a user's function made the values, so that a jsonb may be any text.
  NdjsonEncoder(TableSchemaPtr schema, std::span<const std::string> names, Epoch epoch, RowLayout layout = RowLayout::log, bool transformed = false);

  const TableSchemaPtr& schema() const { return schema_; }
  bool transformed() const { return transformed_; }

  /// Appends the selected rows. At a value that does not fit it stops: the rows before are there, of that row nothing is.
  /// The chunk has the encoder's shape, and its transactions have committed.
  std::optional<UnencodableValue> encode(const TableChunk& chunk, const RowSelection& selection, EncodedRows& out);
  /// Appends one row with _LUGE_OP t.
  void encode_truncate(const Truncate& truncate, EncodedRows& out);

 private:
  struct Column {
    std::string key;  ///< ,"NAME":  in whole blocks of 16 bytes
    std::size_t key_size = 0;
    ValueWriter writer;
    const std::uint8_t* present = nullptr;  ///< of the bound chunk; nullptr: all
    std::int16_t attnum = 0;

    bool is_present(std::size_t row) const { return present == nullptr || bit_at(present, row); }
    void write_key(JsonOutput& out) const;
  };

  void bind(const TableChunk& chunk);
  /// All that rows of one transaction share: {"_LUGE_EPOCH":…,"_LUGE_POSITION":"…/…/
  void set_head(Lsn commit_lsn, std::optional<Xid> xid, std::optional<PgTimestamp> commit_time);
  void write_head(std::uint64_t ordinal, char op, JsonOutput& out) const;
  void write_presence(std::size_t row, std::optional<std::size_t> old_row, JsonOutput& out) const;
  /// Both write columns' values and return false with misfit_ set.
  bool write_old_key(std::size_t old_row, JsonOutput& out);
  bool write_values(std::size_t row, std::optional<std::size_t> old_row, JsonOutput& out);
  bool write_column(std::size_t column, std::size_t row, JsonOutput& out);

  TableSchemaPtr schema_;
  Epoch epoch_;
  RowLayout layout_;
  bool transformed_;
  std::vector<Column> columns_;
  std::string no_presence_;  ///< a 0 for every attnum
  bool has_absent_ = false;  ///< the bound chunk has presence bitmaps
  std::string head_;
  UnencodableValue misfit_;
};

}  // namespace luge
