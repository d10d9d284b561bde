#include "destination/snowflake/actors/channel_progress.h"

#include <algorithm>

#include "base/ensure.h"
#include "destination/snowflake/encode/offset_token.h"

namespace luge {

ChannelProgress::Finding ChannelProgress::opened(const ChannelStatus& status, const std::optional<ChannelMark>& known) {
  pieces_.clear();
  short_since_.reset();
  seen_at_.reset();
  waited_ = Duration{0};
  skipped_ = 0;
  std::optional<Position> token;
  if (status.committed_token) {
    token = parse_offset_token(*status.committed_token);
    if (!token) return Finding::foreign;
  }
  counted_from_ = known ? known->token : std::nullopt;
  opened_at_ = seen_token_ = token;
  recount_ = known.has_value();
  arrived_unseen_ = 0;
  if (known) {
    if (token < known->token) return Finding::miscounted;  // the channel was lost and made again
    if (status.rows_error_count > known->rows_error_count) {
      mark_ = *known;
      return Finding::rejected;
    }
    if (status.rows_error_count < known->rows_error_count || status.rows_inserted < known->rows_inserted) return Finding::miscounted;
    arrived_unseen_ = status.rows_inserted - known->rows_inserted;
    if (token == known->token && arrived_unseen_ != 0) return Finding::miscounted;
  }
  mark_ = {token, status.rows_inserted, status.rows_error_count};
  promised_ = status.rows_inserted;
  return Finding::fine;
}

void ChannelProgress::sent(const Position& last, std::uint64_t rows) {
  ENSURE(pieces_.empty() || pieces_.back().last < last, "rows of a channel go out in the order of their positions");
  ENSURE(!opened_at_ || *opened_at_ < last, "a row that was there already was sent again");
  promised_ += rows;
  pieces_.push_back({last, promised_});
}

bool ChannelProgress::waits_too_long(bool moved, Instant now, Duration longest) {
  if (pieces_.empty() || moved) {
    seen_at_.reset();
    waited_ = Duration{0};
    if (pieces_.empty()) return false;
  }
  // While nobody could ask, nobody knows what happened: such a time counts as one short round.
  if (seen_at_) waited_ += std::min(now - *seen_at_, longest / 4);
  seen_at_ = now;
  return waited_ > longest;
}

ChannelProgress::Finding ChannelProgress::observed(const ChannelStatus& status, Instant now, Duration longest_commit) {
  if (status.rows_error_count != mark_.rows_error_count) return Finding::rejected;
  std::optional<Position> token;
  if (status.committed_token) {
    token = parse_offset_token(*status.committed_token);
    if (!token) return Finding::foreign;
  }
  if (token < mark_.token) return Finding::miscounted;
  // The first row behind the place where the channel was opened has been sent: all before it came again, and were counted.
  if (recount_ && !pieces_.empty()) {
    recount_ = false;
    if (skipped_ != arrived_unseen_) return Finding::miscounted;
  }
  const bool moved = token != seen_token_;
  seen_token_ = token;
  std::optional<Piece> reached;
  std::size_t count = 0;
  while (count < pieces_.size() && token && pieces_[count].last <= *token) reached = pieces_[count++];
  if (!reached) return waits_too_long(moved, now, longest_commit) ? Finding::stalled : Finding::fine;
  const bool whole = reached->last == *token;
  const bool enough = whole ? status.rows_inserted == reached->inserted : status.rows_inserted >= reached->inserted;
  if (!enough) {
    if (status.rows_inserted > reached->inserted) return Finding::miscounted;
    if (!short_since_) short_since_ = now;
    return now - *short_since_ > kCountingTime ? Finding::miscounted : Finding::fine;
  }
  short_since_.reset();
  seen_at_.reset();
  waited_ = Duration{0};
  rows_landed_ += reached->inserted - mark_.rows_inserted;
  mark_.token = reached->last;
  mark_.rows_inserted = reached->inserted;
  pieces_.erase(pieces_.begin(), pieces_.begin() + static_cast<std::ptrdiff_t>(count));
  return Finding::fine;
}

}  // namespace luge
