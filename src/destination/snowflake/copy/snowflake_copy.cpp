#include "destination/snowflake/copy/snowflake_copy.h"

#include <utility>

namespace luge {

namespace {

/// Snowflake commits within seconds; a copy that has not landed after this long has met an outage.
constexpr Duration kLongestCommit = std::chrono::minutes(30);

}  // namespace

SnowflakeCopy::SnowflakeCopy(std::shared_ptr<ActorPool> pool, std::vector<std::shared_ptr<Channel>> channels, std::vector<std::string> names,
                             Epoch epoch, RowLayout layout, Transform transform)
    : pool_(std::move(pool)),
      channels_(std::move(channels)),
      names_(std::move(names)),
      epoch_(epoch),
      layout_(layout),
      transform_(std::move(transform)) {}

SnowflakeCopy::~SnowflakeCopy() {
  if (finished_) return;
  for (const auto& channel : channels_) pool_->forget(channel);
}

Status SnowflakeCopy::write(TableChunk chunk) {
  if (chunk.rows == 0) return ok();
  std::unique_lock lock(mutex_);
  if (transform_) {
    TRY(chunk, transform_(std::move(chunk)));
  }
  auto outgoing = std::make_shared<OutgoingChunk>();
  outgoing->names = names_;
  outgoing->epoch = epoch_;
  outgoing->layout = layout_;
  outgoing->transformed = transform_ != nullptr;
  outgoing->copied_from = {epoch_, Lsn{}, next_ordinal_};
  next_ordinal_ += chunk.rows;
  outgoing->chunk = std::move(chunk);
  const auto& channel = channels_[next_channel_++ % channels_.size()];
  // Under the lock: a channel's rows must go out in the order of their ordinals.
  return pool_->send(channel, std::move(outgoing));
}

Status SnowflakeCopy::finish() {
  if (const Status settled = pool_->settle(channels_, kLongestCommit); !settled) {
    if (settled.error().code != "table_stopped" || channels_.empty()) return settled;
    return pool_->why_stopped(channels_.front()->oid());
  }
  std::uint64_t landed = 0;
  for (const auto& channel : channels_) landed += channel->rows_landed();
  if (landed != next_ordinal_) {
    return make_error(Recovery::retry, "copy_miscounted",
                      "Snowflake holds " + std::to_string(landed) + " rows of a copy of " + std::to_string(next_ordinal_),
                      "luge copies the table again");
  }
  finished_ = true;
  for (const auto& channel : channels_) pool_->drop(channel);
  return ok();
}

}  // namespace luge
