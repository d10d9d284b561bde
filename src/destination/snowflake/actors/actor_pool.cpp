#include "destination/snowflake/actors/actor_pool.h"

#include <algorithm>
#include <functional>
#include <utility>

#include "base/log.h"
#include "destination/snowflake/actors/refusal_count.h"
#include "destination/snowflake/actors/snowflake_actor.h"
#include "destination/snowflake/actors/status_poller.h"

namespace luge {

namespace {

constexpr Duration kBetweenReports = std::chrono::seconds(60);

/// Asking again soon is pointless. What may concern one table alone is not: it would keep all others from asking.
bool is_hard(const Error& error) { return error.recovery == Recovery::stop_pipeline && !may_concern_one_table(error); }

Error stopped_error() { return make_error(Recovery::retry, "stopped", "the Snowflake destination is closing"); }

}  // namespace

ActorPool::ActorPool(Settings settings, const Clock& clock, std::uint64_t seed)
    : settings_(std::move(settings)), clock_(clock), random_(seed), breaker_(settings_.breaker), last_report_(clock.now() + -kBetweenReports) {
  for (std::size_t i = 0; i < std::max<std::size_t>(1, settings_.actors); ++i) actors_.push_back(std::make_unique<SnowflakeActor>(*this));
  poller_ = std::make_unique<StatusPoller>(*this);
}

ActorPool::~ActorPool() {
  stop();
  actors_.clear();
  poller_.reset();
}

void ActorPool::stop() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  for (const auto& actor : actors_) actor->request_stop();
  poller_->request_stop();
}

SnowflakeActor& ActorPool::actor_of(const Channel& channel) { return *actors_[(channel.oid() + channel.shard()) % actors_.size()]; }

std::shared_ptr<Channel> ActorPool::add(ChannelId id, RelationOid oid, std::uint16_t shard, std::optional<ChannelMark> known) {
  auto channel = std::make_shared<Channel>(std::move(id), oid, shard, known);
  poller_->watch(channel);
  return channel;
}

Status ActorPool::make_room(std::size_t bytes) {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return stopping_ || failure_ || queued_bytes_ == 0 || queued_bytes_ + bytes <= settings_.queue_bytes; });
  if (failure_) return *failure_;
  if (stopping_) return stopped_error();
  queued_bytes_ += bytes;
  return ok();
}

void ActorPool::bytes_taken(std::size_t bytes) {
  if (bytes == 0) return;
  {
    std::lock_guard lock(mutex_);
    queued_bytes_ -= bytes;
  }
  changed_.notify_all();
}

Status ActorPool::send(const std::shared_ptr<Channel>& channel, std::shared_ptr<const OutgoingChunk> chunk) {
  CHECK_OK(make_room(chunk->chunk.bytes()));
  actor_of(*channel).post(channel, std::move(chunk));
  return ok();
}

Status ActorPool::send(const std::shared_ptr<Channel>& channel, const Truncate& truncate, TableSchemaPtr schema, std::vector<std::string> names,
                       Epoch epoch) {
  if (auto failed = failure()) return *failed;
  actor_of(*channel).post(channel, SnowflakeActor::TruncateRow{truncate, std::move(schema), std::move(names), epoch});
  return ok();
}

Status ActorPool::reopen(const std::shared_ptr<Channel>& channel) {
  if (auto failed = failure()) return *failed;
  actor_of(*channel).post(channel, SnowflakeActor::Reopen{});
  return ok();
}

void ActorPool::forget(const std::shared_ptr<Channel>& channel) {
  channel->forget();
  poller_->forget(*channel);
  actor_of(*channel).post(channel, SnowflakeActor::Forget{});
}

void ActorPool::drop(const std::shared_ptr<Channel>& channel) {
  poller_->forget(*channel);
  actor_of(*channel).post(channel, SnowflakeActor::Drop{});
}

Status ActorPool::settle(const std::vector<std::shared_ptr<Channel>>& channels, Duration longest) {
  const Instant deadline = clock_.now() + longest;
  std::unique_lock lock(mutex_);
  while (true) {
    if (failure_) return *failure_;
    if (stopping_) return stopped_error();
    bool settled = true;
    for (const auto& channel : channels) {
      if (stopped_tables_.contains(channel->oid())) return make_error(Recovery::quarantine_table, "table_stopped", "the table has stopped");
      if (channel->forgotten()) continue;
      settled = settled && actor_of(*channel).idle(*channel) && !channel->outstanding();
    }
    if (settled) return ok();
    if (clock_.now() >= deadline) {
      return make_error(Recovery::retry, "unsettled",
                        "Snowflake has not committed within " + std::to_string(longest.count() / 1'000'000) + " s what was sent",
                        "luge tries again; see Snowflake's status page if it lasts");
    }
    changed_.wait_for(lock, std::chrono::milliseconds(10));
  }
}

std::optional<Error> ActorPool::failure() const {
  std::lock_guard lock(mutex_);
  return failure_;
}

std::optional<RelationOid> ActorPool::failed_table() const {
  std::lock_guard lock(mutex_);
  return failed_table_;
}

bool ActorPool::has_news() const {
  std::lock_guard lock(mutex_);
  return failure_ || !troubles_.empty();
}

std::vector<TableTrouble> ActorPool::take_troubles() {
  std::lock_guard lock(mutex_);
  return std::exchange(troubles_, {});
}

bool ActorPool::stopped(RelationOid oid) const {
  std::lock_guard lock(mutex_);
  return stopped_tables_.contains(oid);
}

bool ActorPool::known_stopped(RelationOid oid) const {
  std::lock_guard lock(mutex_);
  return stopped_tables_.contains(oid) && std::none_of(troubles_.begin(), troubles_.end(), [oid](const auto& one) { return one.oid == oid; });
}

Error ActorPool::why_stopped(RelationOid oid) const {
  std::lock_guard lock(mutex_);
  const auto found = stopped_tables_.find(oid);
  if (found == stopped_tables_.end()) return make_error(Recovery::quarantine_table, "table_stopped", "the table has stopped");
  return make_error(Recovery::quarantine_table, found->second.code, found->second.reason, found->second.fix);
}

void ActorPool::forgive(RelationOid oid) {
  std::lock_guard lock(mutex_);
  stopped_tables_.erase(oid);
}

ActorPool::Health ActorPool::health() const {
  std::lock_guard lock(mutex_);
  Health health = health_;
  health.breaker = breaker_.state();
  health.failures = breaker_.failures();
  return health;
}

std::map<RelationOid, std::uint64_t> ActorPool::rows_landed() const { return poller_->rows_landed(); }

bool ActorPool::pass(const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  while (true) {
    if (stop.stop_requested() || stopping_ || failure_) {
      if (failure_ && !stopping_) changed_.wait(lock, stop, [this] { return stopping_; });  // the owner begins anew
      return false;
    }
    const Instant now = clock_.now();
    if (breaker_.try_pass(now)) return true;
    const Duration rest = std::clamp<Duration>(breaker_.next_try() - now, std::chrono::milliseconds(1), std::chrono::milliseconds(100));
    changed_.wait_for(lock, stop, rest, [this] { return stopping_; });
  }
}

void ActorPool::call_succeeded() {
  {
    std::lock_guard lock(mutex_);
    ++good_calls_;
  }
  call_answered();
}

std::uint64_t ActorPool::good_calls() const {
  std::lock_guard lock(mutex_);
  return good_calls_;
}

void ActorPool::call_answered() {
  std::lock_guard lock(mutex_);
  if (breaker_.failures() > 0) {
    breaker_.succeeded();
    health_.last_error.clear();
    if (failing_since_ && clock_.now() - *failing_since_ > std::chrono::seconds(1)) {
      log_event(LogLevel::info, "snowflake_answers", "Snowflake answers again",
                {{"after_s", static_cast<std::int64_t>((clock_.now() - *failing_since_).count() / 1'000'000)}});
    }
    failing_since_.reset();
  }
}

void ActorPool::call_failed(const Error& error) {
  std::lock_guard lock(mutex_);
  const Instant now = clock_.now();
  breaker_.failed(now, random_, is_hard(error));
  ++health_.retries;
  health_.last_error = error.what + " (" + error.code + ")";
  if (!failing_since_) failing_since_ = now;
  if (now - last_report_ < kBetweenReports && breaker_.failures() > 1) return;
  last_report_ = now;
  log_event(breaker_.state() == CircuitBreaker::State::open ? LogLevel::error : LogLevel::warn, "snowflake_retry",
            error.what + "; luge keeps the rows and tries again",
            {{"code", error.code}, {"breaker", to_string(breaker_.state())}, {"failures", breaker_.failures()}, {"fix", error.hint}});
}

void ActorPool::fail(Error error, std::optional<RelationOid> table) {
  {
    std::lock_guard lock(mutex_);
    if (failure_) return;
    error.recovery = Recovery::retry;
    failed_table_ = table;
    failure_ = std::move(error);
  }
  changed_.notify_all();
}

void ActorPool::trouble(TableTrouble trouble) {
  {
    std::lock_guard lock(mutex_);
    if (!stopped_tables_.emplace(trouble.oid, trouble.quarantine).second) return;
    troubles_.push_back(std::move(trouble));
  }
  changed_.notify_all();
}

}  // namespace luge
