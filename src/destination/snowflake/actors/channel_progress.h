#pragma once
#include <cstdint>
#include <deque>
#include <optional>

#include "base/clock.h"
#include "destination/snowflake/ingest/ingest_client.h"
#include "model/position.h"

namespace luge {

/// What the ledger keeps of a channel: where it stood, and its counters there.
struct ChannelMark {
  std::optional<Position> token;
  std::uint64_t rows_inserted = 0;
  std::uint64_t rows_error_count = 0;
  friend bool operator==(const ChannelMark&, const ChannelMark&) = default;
};

/// The books of one channel: a position is durable only if the committed token has reached it, no row was rejected, and as many rows were
/// inserted as were sent (design.md §3 rule 11). Snowflake moves a token past rejected rows without a word. Pure.
class ChannelProgress {
 public:
  /// How long the counter of inserted rows may lag behind the token.
  static constexpr Duration kCountingTime = std::chrono::seconds(60);
  /// How long rows that were taken may wait for their commit: Snowflake commits within seconds, and an opening discards what it would still have committed.
  static constexpr Duration kLongestCommit = std::chrono::minutes(1);

  enum class Finding : char {
    fine,
    rejected,  ///< rows were refused: see the table's errors
    miscounted,  ///< token and counters contradict what was sent
    foreign,  ///< the token is not one of luge's
    stalled,  ///< rows were taken, and the token does not move: they may be lost
  };

  /// The channel was opened. `known`: the ledger's mark; nullopt: it never had one. Whatever was sent before and is not committed is gone.
  Finding opened(const ChannelStatus& status, const std::optional<ChannelMark>& known);
  /// `rows` rows that end at `last` were taken by the server.
  void sent(const Position& last, std::uint64_t rows);
  /// `rows` rows behind the ledger's token came again and were there already.
  void skipped(std::uint64_t rows) { skipped_ += rows; }
  Finding observed(const ChannelStatus& status, Instant now, Duration longest_commit = kLongestCommit);

  /// Rows at or before it need not be sent: the server had them when the channel was opened.
  const std::optional<Position>& opened_at() const { return opened_at_; }
  /// The ledger's token at that moment: what came in since then is counted when it comes again.
  const std::optional<Position>& counted_from() const { return counted_from_; }
  const std::optional<Position>& durable() const { return mark_.token; }
  bool outstanding() const { return !pieces_.empty(); }
  std::uint64_t rows_landed() const { return rows_landed_; }
  const ChannelMark& mark() const { return mark_; }
  /// Where it stood before what was rejected.
  const std::optional<Position>& last_good() const { return mark_.token; }

 private:
  /// True: what is on its way has waited too long.
  bool waits_too_long(bool moved, Instant now, Duration longest);

  struct Piece {
    Position last;
    std::uint64_t inserted = 0;  ///< what the counter must say there
  };
  ChannelMark mark_;
  std::optional<Position> opened_at_;
  std::optional<Position> counted_from_;
  std::uint64_t arrived_unseen_ = 0;  ///< rows between the ledger's token and the opening's, by the server's count
  std::uint64_t skipped_ = 0;
  bool recount_ = false;
  std::uint64_t promised_ = 0;  ///< the counter when all pieces have arrived
  std::deque<Piece> pieces_;
  std::optional<Instant> short_since_;
  std::optional<Position> seen_token_;
  std::optional<Instant> seen_at_;  ///< the last observation with rows on their way
  Duration waited_{0};  ///< since the token moved
  std::uint64_t rows_landed_ = 0;
};

}  // namespace luge
