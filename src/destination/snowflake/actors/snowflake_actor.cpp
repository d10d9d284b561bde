#include "destination/snowflake/actors/snowflake_actor.h"

#include <algorithm>
#include <utility>

#include "base/ensure.h"
#include "base/log.h"
#include "destination/snowflake/actors/status_poller.h"

namespace luge {

namespace {

/// Text that waits to be sent, per channel: a few requests' worth.
constexpr std::size_t kEncodedBytes = 4U << 20;
constexpr std::uint32_t kRowsAtOnce = 4096;
constexpr Duration kFirstOpenAgain = std::chrono::milliseconds(100);
constexpr Duration kLongestOpenAgain = std::chrono::seconds(2);

/// What asking to open again may change.
bool may_open_later(const Error& error) {
  return error.code == "uncommitted_rows" || error.code == "open_in_progress" || error.code == "stale_pipe_cache" || error.code == "pipe_invalid" ||
         error.code == "table_missing";
}

struct PositionRange {
  std::optional<Position> after;
  std::optional<Position> through;
};

/// Changes of one shard within the range, as the encoder counts them: an old image and its update are one.
std::uint64_t count_rows(const OutgoingChunk& outgoing, std::uint16_t shard, const PositionRange& range) {
  const TableChunk& chunk = outgoing.chunk;
  if (chunk.ops.empty()) return 0;
  std::uint64_t count = 0;
  auto run = chunk.runs.begin();
  for (std::uint32_t row = 0; row < chunk.rows; ++row) {
    while (row >= run->end_row) ++run;
    if (chunk.ops[row] == RowOp::old_image) continue;
    if (!outgoing.shard_of_row.empty() && outgoing.shard_of_row[row] != shard) continue;
    const Position position{outgoing.epoch, run->commit_lsn, chunk.ordinals[row]};
    if (range.after && position <= *range.after) continue;
    if (!range.through || position > *range.through) continue;
    ++count;
  }
  return count;
}

}  // namespace

TableTrouble finding_trouble(const Channel& channel, ChannelProgress::Finding finding) {
  TableTrouble trouble;
  trouble.oid = channel.oid();
  trouble.channel = channel.id().channel;
  trouble.last_good = channel.progress().last_good();
  Quarantine& why = trouble.quarantine;
  if (trouble.last_good) why.position = *trouble.last_good;
  switch (finding) {
    case ChannelProgress::Finding::rejected:
      trouble.kind = TableTrouble::Kind::rejected;
      why.code = "rejected";
      why.reason = "Snowflake refused rows of channel " + channel.id().channel + "; the table's ERROR_TABLE says which";
      break;
    case ChannelProgress::Finding::miscounted:
      trouble.kind = TableTrouble::Kind::miscounted;
      why.code = "miscounted";
      why.reason = "channel " + channel.id().channel + " holds another number of rows than were sent, or lost its place";
      break;
    default:
      trouble.kind = TableTrouble::Kind::miscounted;
      why.code = "foreign_token";
      why.reason = "channel " + channel.id().channel + " has an offset token that luge did not write";
  }
  return trouble;
}

TableTrouble refusal_trouble(const Channel& channel, const Error& error) {
  TableTrouble trouble;
  trouble.kind = TableTrouble::Kind::refused;
  trouble.oid = channel.oid();
  trouble.channel = channel.id().channel;
  trouble.last_good = channel.progress().last_good();
  trouble.quarantine = {error.code, error.what, "", "", trouble.last_good.value_or(Position{}), error.hint};
  if (may_concern_one_table(error)) {
    trouble.quarantine.reason += ", and goes on taking rows of other tables: check the role's grants on this one";
    trouble.quarantine.fix.clear();  // a new copy, as for every table that stopped
  }
  return trouble;
}

Error stalled_error(const Channel& channel) {
  return make_error(Recovery::retry, "channel_stalled",
                    "Snowflake took rows of channel " + channel.id().channel + " of " + channel.id().schema + "." + channel.id().table +
                        " and has not committed them for long: somebody else may have opened it",
                    "luge opens it again and sends what is behind its token: nothing is lost. If this repeats, look for a second luge with this "
                    "pipeline's name, and at Snowflake's status page");
}

SnowflakeActor::SnowflakeActor(ActorPool& pool) : pool_(pool), thread_(InLogContext([this](const std::stop_token& stop) { run(stop); })) {}

SnowflakeActor::~SnowflakeActor() {
  thread_.request_stop();
  thread_.join();
}

void SnowflakeActor::post(std::shared_ptr<Channel> channel, Order order) {
  {
    std::lock_guard lock(mutex_);
    ++unfinished_[channel.get()];
    inbox_.emplace_back(std::move(channel), std::move(order));
  }
  posted_.notify_one();
}

bool SnowflakeActor::idle(const Channel& channel) const {
  std::lock_guard lock(mutex_);
  const auto found = unfinished_.find(&channel);
  return found == unfinished_.end() || found->second == 0;
}

void SnowflakeActor::run(const std::stop_token& stop) {
  while (!stop.stop_requested() && !client_) {
    if (!pool_.pass(stop)) return;
    auto made = pool_.settings_.make_client(stop);
    if (made) {
      pool_.call_answered();
      client_ = std::move(*made);
    } else {
      if (stop.stop_requested()) return;
      pool_.call_failed(made.error());
    }
  }
  while (!stop.stop_requested()) {
    std::deque<std::pair<std::shared_ptr<Channel>, Order>> posts;
    {
      std::lock_guard lock(mutex_);
      posts.swap(inbox_);
    }
    for (auto& post : posts) sort_in(std::move(post));
    bool busy = false;
    Instant wake{INT64_MAX};
    const Instant now = pool_.clock_.now();
    for (auto& [ignored, lane] : lanes_) {
      if (stop.stop_requested()) break;
      if (lane.not_before > now) {
        // What waits for its turn can be encoded meanwhile.
        if (lane.open) encode(lane);
        wake = std::min(wake, lane.not_before);
        continue;
      }
      busy |= advance(lane, stop);
      if (lane.not_before > now) wake = std::min(wake, lane.not_before);
    }
    std::erase_if(lanes_,
                  [](const auto& entry) { return entry.second.dead && entry.second.orders.empty() && entry.second.channel.use_count() == 1; });
    if (busy) continue;
    std::unique_lock lock(mutex_);
    const auto ready = [this] { return !inbox_.empty(); };
    if (wake.micros == INT64_MAX) {
      posted_.wait(lock, stop, ready);
    } else {
      posted_.wait_for(lock, stop, std::max(wake - pool_.clock_.now(), Duration(100)), ready);
    }
  }
  client_.reset();
}

void SnowflakeActor::sort_in(std::pair<std::shared_ptr<Channel>, Order> post) {
  Lane& lane = lanes_[post.first.get()];
  if (!lane.channel) lane.channel = post.first;
  if (std::holds_alternative<Forget>(post.second)) {
    lane.dead = true;
    lane.orders.push_back(std::move(post.second));
    throw_away(lane);
    return;
  }
  lane.orders.push_back(std::move(post.second));
  if (lane.dead && !std::holds_alternative<Drop>(lane.orders.back())) throw_away(lane);
}

void SnowflakeActor::throw_away(Lane& lane) {
  std::size_t bytes = 0;
  for (const Order& order : lane.orders) {
    if (const auto* chunk = std::get_if<std::shared_ptr<const OutgoingChunk>>(&order); chunk != nullptr) bytes += (*chunk)->chunk.bytes();
  }
  const std::size_t count = lane.orders.size() + std::exchange(lane.encoded_orders, 0);
  lane.orders.clear();
  lane.next_row = 0;
  lane.encoded.clear();
  lane.sent = 0;
  pool_.bytes_taken(bytes);
  std::lock_guard lock(mutex_);
  unfinished_[lane.channel.get()] -= count;
}

void SnowflakeActor::give_up(Lane& lane, TableTrouble trouble) {
  lane.dead = true;
  throw_away(lane);
  pool_.trouble(std::move(trouble));
}

void SnowflakeActor::let_go(Lane& lane, const Error& error) {
  if (error.code == "channel_invalid" || error.code == "table_missing" || error.recovery == Recovery::quarantine_table) {
    pool_.call_answered();  // its table is gone already
  } else {
    pool_.call_failed(error);
  }
  lane.dead = true;
  throw_away(lane);
}

bool SnowflakeActor::advance(Lane& lane, const std::stop_token& stop) {
  if (lane.orders.empty() && lane.sent == lane.encoded.rows.size()) return false;
  if (!lane.orders.empty() && std::holds_alternative<Drop>(lane.orders.front())) {
    if (!pool_.pass(stop)) return false;
    const Status dropped = client_->drop(lane.channel->id());
    if (!dropped && dropped.error().recovery == Recovery::retry && dropped.error().code != "channel_invalid") {
      pool_.call_failed(dropped.error());
      return true;
    }
    pool_.call_succeeded();
    lane.dead = true;
    throw_away(lane);
    lane.open = false;
    return true;
  }
  if (!lane.orders.empty() && std::holds_alternative<Reopen>(lane.orders.front()) && lane.sent == lane.encoded.rows.size()) {
    ENSURE(!lane.channel->outstanding(), "a channel with rows on their way is not reopened");
    lane.open = false;
    lane.orders.pop_front();
    std::lock_guard lock(mutex_);
    --unfinished_[lane.channel.get()];
    return true;
  }
  if (!lane.open && !open(lane, stop)) return !stop.stop_requested();
  if (lane.dead) return true;
  encode(lane);
  if (lane.dead) return true;
  if (lane.sent < lane.encoded.rows.size()) return send(lane, stop);
  finish_encoded(lane);
  return true;
}

void SnowflakeActor::finish_encoded(Lane& lane) {
  if (lane.sent < lane.encoded.rows.size()) return;
  lane.encoded.clear();
  lane.sent = 0;
  std::lock_guard lock(mutex_);
  unfinished_[lane.channel.get()] -= std::exchange(lane.encoded_orders, 0);
}

bool SnowflakeActor::open(Lane& lane, const std::stop_token& stop) {
  if (!pool_.pass(stop)) return false;
  const Duration settle = pool_.settings_.settle;
  const bool last = lane.opening_since && pool_.clock_.now() - *lane.opening_since >= settle;
  auto status = client_->try_open(lane.channel->id(), settle, last);
  if (!status) {
    if (stop.stop_requested()) return false;
    if (lane.channel->forgotten()) {
      let_go(lane, status.error());
    } else if (!put_off(lane, status.error(), last)) {
      lane.opening_since.reset();
      refused(lane, status.error());
    }
    return false;
  }
  pool_.call_succeeded();
  lane.opening_since.reset();
  lane.refusals.served();
  lane.open = true;
  lane.encoded.clear();
  lane.sent = 0;
  const auto finding = lane.channel->opened(*status);
  lane.replaying = lane.channel->opened_at().has_value();
  if (finding != ChannelProgress::Finding::fine) give_up(lane, finding_trouble(*lane.channel, finding));
  return true;
}

std::optional<Position> SnowflakeActor::first_waiting(const Lane& lane) {
  if (lane.sent < lane.encoded.rows.size()) return lane.encoded.rows[lane.sent].position;
  if (lane.orders.empty()) return std::nullopt;
  if (const auto* truncate = std::get_if<TruncateRow>(&lane.orders.front())) {
    return Position{truncate->epoch, truncate->truncate.position.commit_lsn, truncate->truncate.position.ordinal};
  }
  const auto* outgoing = std::get_if<std::shared_ptr<const OutgoingChunk>>(&lane.orders.front());
  if (outgoing == nullptr || (*outgoing)->chunk.ops.empty()) return std::nullopt;
  return Position{(*outgoing)->epoch, (*outgoing)->chunk.runs.front().commit_lsn, (*outgoing)->chunk.ordinals.front()};
}

bool SnowflakeActor::put_off(Lane& lane, const Error& error, bool last) {
  if (!may_open_later(error)) return false;
  const Instant now = pool_.clock_.now();
  if (!lane.opening_since) {
    lane.opening_since = now;
    lane.open_again = kFirstOpenAgain;
  }
  const Duration longest = error.code == "table_missing" ? pool_.settings_.appears : pool_.settings_.settle;
  const Duration waited = now - *lane.opening_since;
  if (last || (waited >= longest && error.code != "uncommitted_rows")) return false;
  pool_.call_answered();
  lane.not_before = now + std::min(lane.open_again, std::max(longest - waited, Duration(1)));
  lane.open_again = std::min(lane.open_again * 2, kLongestOpenAgain);
  return true;
}

void SnowflakeActor::refused(Lane& lane, const Error& error) {
  if (error.code == "client_invalid" || error.code == "table_missing" || (error.code == "channel_invalid" && lane.open)) {
    pool_.fail(error, lane.channel->oid());
    return;
  }
  const bool this_table = error.recovery == Recovery::quarantine_table;
  if (this_table || (may_concern_one_table(error) && lane.refusals.refused(pool_.good_calls(), pool_.clock_.now()))) {
    pool_.call_answered();
    TableTrouble trouble = refusal_trouble(*lane.channel, error);
    if (const auto first = first_waiting(lane)) trouble.quarantine.position = *first;
    give_up(lane, std::move(trouble));
    return;
  }
  // What cannot be done right now may be possible soon: nothing is lost.
  if (may_concern_one_table(error)) lane.not_before = lane.refusals.next();
  pool_.call_failed(error);
}

NdjsonEncoder& SnowflakeActor::encoder(Lane& lane, const TableSchemaPtr& schema, const std::vector<std::string>& names, Epoch epoch, RowLayout layout,
                                       bool transformed) {
  if (!lane.encoder || lane.encoder->schema() != schema || lane.encoder->transformed() != transformed || lane.encoder_names != names) {
    lane.encoder = std::make_unique<NdjsonEncoder>(schema, names, epoch, layout, transformed);
    lane.encoder_names = names;
  }
  return *lane.encoder;
}

void SnowflakeActor::encode(Lane& lane) {
  if (lane.dead) return;
  finish_encoded(lane);
  while (!lane.dead && !lane.orders.empty() && lane.encoded.text.size() < kEncodedBytes) {
    if (auto* outgoing = std::get_if<std::shared_ptr<const OutgoingChunk>>(&lane.orders.front())) {
      const std::shared_ptr<const OutgoingChunk> held = *outgoing;
      encode_chunk(lane, *held);
      if (lane.dead || lane.next_row < held->chunk.rows) continue;
      lane.next_row = 0;
      pool_.bytes_taken(held->chunk.bytes());
    } else if (auto* truncate = std::get_if<TruncateRow>(&lane.orders.front())) {
      const auto at = lane.channel->opened_at();
      const Position position{truncate->epoch, truncate->truncate.position.commit_lsn, truncate->truncate.position.ordinal};
      if (!at || position > *at) {
        encoder(lane, truncate->schema, truncate->names, truncate->epoch, RowLayout::log, false).encode_truncate(truncate->truncate, lane.encoded);
      } else if (const auto from = lane.channel->counted_from(); !from || position > *from) {
        lane.channel->skipped(1);
      }
    } else {
      return;  // a turning point: what is encoded goes first
    }
    lane.orders.pop_front();
    ++lane.encoded_orders;
  }
}

void SnowflakeActor::encode_chunk(Lane& lane, const OutgoingChunk& outgoing) {
  const std::uint16_t shard = lane.channel->shard();
  RowSelection selection;
  selection.shard_of_row = outgoing.shard_of_row;
  selection.shard = shard;
  selection.copied_from = outgoing.copied_from;
  selection.after = outgoing.sent_before;
  if (lane.replaying) {
    const std::optional<Position> opened_at = lane.channel->opened_at();
    if (lane.next_row == 0 && !outgoing.chunk.ops.empty()) {
      const Position first{outgoing.epoch, outgoing.chunk.runs.front().commit_lsn, outgoing.chunk.ordinals.front()};
      if (first > *opened_at) {
        lane.replaying = false;
      } else {
        lane.channel->skipped(count_rows(outgoing, shard, {std::max(lane.channel->counted_from(), outgoing.sent_before), opened_at}));
      }
    }
    if (lane.replaying) selection.after = std::max(selection.after, opened_at);
  }
  NdjsonEncoder& used = encoder(lane, outgoing.chunk.schema, outgoing.names, outgoing.epoch, outgoing.layout, outgoing.transformed);
  while (lane.next_row < outgoing.chunk.rows && lane.encoded.text.size() < kEncodedBytes) {
    selection.from = lane.next_row;
    selection.to = std::min(outgoing.chunk.rows, lane.next_row + kRowsAtOnce);
    const auto misfit = used.encode(outgoing.chunk, selection, lane.encoded);
    if (misfit) {
      const ColumnSchema& column = outgoing.chunk.schema->columns[misfit->column];
      TableTrouble trouble;
      trouble.oid = lane.channel->oid();
      trouble.channel = lane.channel->id().channel;
      Quarantine& why = trouble.quarantine;
      why.code = "misfit";
      why.reason = "a value of column " + column.name + " cannot be kept in Snowflake as it is: " + misfit->reason;
      why.column = column.name;
      if (column.type) why.type = column.type->name;
      if (!outgoing.chunk.ops.empty()) {
        auto run = outgoing.chunk.runs.begin();
        while (misfit->row >= run->end_row) ++run;
        why.position = {outgoing.epoch, run->commit_lsn, outgoing.chunk.ordinals[misfit->row]};
      }
      const TableName& name = outgoing.chunk.schema->name;
      why.fix = "in the configuration say columns: " + to_string(name) + "." + column.name + ": {as: text}, then luge resync " + to_string(name);
      give_up(lane, std::move(trouble));
      return;
    }
    lane.next_row = selection.to;
  }
}

bool SnowflakeActor::send(Lane& lane, const std::stop_token& stop) {
  if (!pool_.pass(stop)) return false;
  auto taken = client_->append(lane.channel->id(), lane.encoded, lane.sent);
  if (!taken) {
    const Error& error = taken.error();
    if (stop.stop_requested()) return false;
    if (lane.channel->forgotten()) {
      let_go(lane, error);
      return true;
    }
    if (error.code == "row_too_large") {
      pool_.call_answered();
      TableTrouble trouble;
      trouble.oid = lane.channel->oid();
      trouble.channel = lane.channel->id().channel;
      trouble.quarantine = {"row_too_large", error.what, "", "", lane.encoded.rows[lane.sent].position, error.hint};
      give_up(lane, std::move(trouble));
      return true;
    }
    refused(lane, error);
    return true;
  }
  pool_.call_succeeded();
  lane.refusals.served();
  if (taken->rows == 0) {
    lane.not_before = pool_.clock_.now() + std::max(taken->again_in, Duration(500));
    return false;
  }
  const std::size_t begin = lane.sent == 0 ? 0 : lane.encoded.rows[lane.sent - 1].end;
  lane.sent += taken->rows;
  const auto& last = lane.encoded.rows[lane.sent - 1];
  lane.channel->sent(last.position, taken->rows);
  {
    std::lock_guard lock(pool_.mutex_);
    pool_.health_.rows_sent += taken->rows;
    pool_.health_.bytes_sent += last.end - begin;
  }
  pool_.poller_->stir();
  finish_encoded(lane);
  return true;
}

}  // namespace luge
