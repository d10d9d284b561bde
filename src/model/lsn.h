#pragma once
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace luge {

/// Byte position in PostgreSQL's write-ahead log. Prints and parses as "16/B374D848". 0/0 is "none".
struct Lsn {
  std::uint64_t value = 0;

  friend auto operator<=>(const Lsn&, const Lsn&) = default;
  bool is_zero() const { return value == 0; }

  static std::optional<Lsn> parse(std::string_view text);
};

std::string to_string(Lsn lsn);

/// The position that the stream will report for `insert_position` (pg_current_wal_insert_lsn()) on a server that then falls silent.
/// Right behind a page header no record ends: the flushed end is the page's start (xlog.c XLogBytePosToRecPtr, XLogBytePosToEndRecPtr),
/// and waiting for the insert position itself would last until the next write.
Lsn reachable_position(Lsn insert_position);

}  // namespace luge
