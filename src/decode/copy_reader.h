#pragma once
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "model/table_row.h"

namespace luge {

/// Rows out of the byte stream of COPY … TO STDOUT (FORMAT binary) (sql-copy.html, "Binary Format"; copyto.c). Bytes may be cut
/// anywhere; a row that lies whole in what was fed is handed out without copying it, as PostgreSQL sends one row per CopyData.
/// Single thread. Errors: "malformed", stop_pipeline; they name the row's number and the byte, never a value.
///
///     reader.feed(copy_data);
///     while (true) {
///       TRY(const auto row, reader.next());
///       if (!row) break;  // everything was read: copy_data is not needed any more
///       … *row …
///     }
class CopyReader {
 public:
  /// One flag per selected column: true if the query selects it as text (through its output function), so that its values are
  /// `text`; the others come in their send format, as `binary`.
  explicit CopyReader(std::vector<bool> text_columns);
  CopyReader(const CopyReader&) = delete;
  CopyReader& operator=(const CopyReader&) = delete;

  /// `bytes` must live until next() has returned nullopt, and may be fed only then.
  void feed(std::string_view bytes);

  /// The next row, one value per column; borrowed until the next call. nullopt: feed more.
  Result<std::optional<std::span<const ValueView>>> next();

  /// To be called when the server has said CopyDone: an error unless the trailer was the last thing seen.
  Status finish() const;

  std::uint64_t rows() const { return rows_; }

 private:
  enum class State : std::uint8_t { header, rows, trailer_seen, failed };
  enum class Step : std::uint8_t { row, end, need_more, malformed };

  Step read_header();
  Step read_tuple();
  Step need(std::size_t bytes);
  Step malformed(std::size_t offset, const char* reason);
  Error error() const;
  void keep_rest();

  std::vector<ValueView> values_;
  std::vector<bool> text_columns_;
  State state_ = State::header;
  std::string_view unread_;        // in the caller's bytes, or in pending_
  std::string pending_;            // an incomplete row, put together over several feeds
  bool in_pending_ = false;        // unread_ lies in pending_
  bool drained_ = true;            // next() has said "feed more"
  std::size_t needed_ = 0;         // bytes that unread_ must hold before another try makes sense
  std::uint64_t rows_ = 0;
  std::uint64_t consumed_ = 0;     // bytes of the stream before unread_
  std::uint64_t failed_at_ = 0;
  const char* reason_ = nullptr;
};

}  // namespace luge
