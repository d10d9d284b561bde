#include "destination/snowflake/actors/status_poller.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "base/log.h"
#include "destination/snowflake/actors/snowflake_actor.h"

namespace luge {

namespace {

/// Snowflake commits every few seconds; asking more often than this shows nothing sooner. With many busy tables the rounds are further apart.
constexpr Duration kShortestRound = std::chrono::milliseconds(50);
constexpr Duration kPerTable = std::chrono::milliseconds(25);
constexpr std::size_t kChannelsPerRequest = 200;
/// A table that is not there so often in a row is gone: one such answer is known to be transient.
constexpr std::uint32_t kGoneAfter = 5;

}  // namespace

StatusPoller::StatusPoller(ActorPool& pool) : pool_(pool), thread_(InLogContext([this](const std::stop_token& stop) { run(stop); })) {}

StatusPoller::~StatusPoller() {
  thread_.request_stop();
  thread_.join();
}

void StatusPoller::watch(std::shared_ptr<Channel> channel) {
  std::lock_guard lock(mutex_);
  channels_.push_back(std::move(channel));
}

void StatusPoller::forget(const Channel& channel) {
  std::lock_guard lock(mutex_);
  if (std::erase_if(channels_, [&](const auto& one) { return one.get() == &channel; }) > 0) landed_before_[channel.oid()] += channel.rows_landed();
}

void StatusPoller::stir() {
  {
    std::lock_guard lock(mutex_);
    if (stir_) return;
    stir_ = true;
  }
  stirred_.notify_one();
}

std::map<RelationOid, std::uint64_t> StatusPoller::rows_landed() {
  std::lock_guard lock(mutex_);
  std::map<RelationOid, std::uint64_t> landed = landed_before_;
  for (const auto& channel : channels_) landed[channel->oid()] += channel->rows_landed();
  return landed;
}

void StatusPoller::run(const std::stop_token& stop) {
  std::unique_ptr<IngestClient> client;
  Duration pause{0};
  while (!stop.stop_requested()) {
    std::unique_lock lock(mutex_);
    if (pause.count() == 0) {
      if (!stirred_.wait(lock, stop, [this] { return stir_; })) return;
    } else {
      stirred_.wait_for(lock, stop, pause, [] { return false; });
    }
    stir_ = false;
    lock.unlock();
    if (stop.stop_requested()) return;
    if (!client) {
      if (!pool_.pass(stop)) return;
      auto made = pool_.settings_.make_status_client(stop);
      if (!made) {
        if (!stop.stop_requested()) pool_.call_failed(made.error());
        pause = kShortestRound;
        continue;
      }
      pool_.call_answered();  // it may have been the probe that all others wait for
      client = std::move(*made);
    }
    const std::size_t asked = poll(*client, stop);
    pause = asked == 0 ? Duration{0} : std::max(kShortestRound, kPerTable * static_cast<std::int64_t>(asked));
  }
}

std::size_t StatusPoller::poll(IngestClient& client, const std::stop_token& stop) {
  std::map<std::pair<std::string, std::string>, std::vector<std::shared_ptr<Channel>>> tables;
  {
    std::lock_guard lock(mutex_);
    for (const auto& channel : channels_) {
      if (channel->outstanding() && !pool_.stopped(channel->oid())) tables[{channel->id().schema, channel->id().table}].push_back(channel);
    }
  }
  std::size_t asked = 0;
  for (const auto& [table, channels] : tables) {
    for (std::size_t from = 0; from < channels.size(); from += kChannelsPerRequest) {
      std::vector<std::string> names;
      for (std::size_t i = from; i < std::min(channels.size(), from + kChannelsPerRequest); ++i) names.push_back(channels[i]->id().channel);
      ++asked;
      if (!pool_.pass(stop)) return asked;
      auto statuses = client.statuses(table.first, table.second, names);
      if (!statuses) {
        if (stop.stop_requested()) return asked;
        if (refused(statuses.error(), *channels[from])) return asked;
        continue;
      }
      pool_.call_succeeded();
      missing_rounds_.erase(table);
      refusals_.erase(table);
      for (std::size_t i = from; i < from + names.size(); ++i) {
        const auto& channel = channels[i];
        if (channel->forgotten()) continue;
        const auto found = statuses->find(channel->id().channel);
        if (found == statuses->end() || !found->second.good()) {
          pool_.fail(make_error(Recovery::retry, "channel_invalid", "Snowflake does not know channel " + channel->id().channel + " any more",
                                "luge opens it again and sends what is behind its token"));
          return asked;
        }
        const auto finding = channel->observed(found->second, pool_.clock_.now(), pool_.settings_.longest_commit);
        if (finding == ChannelProgress::Finding::stalled) {
          pool_.fail(stalled_error(*channel), channel->oid());
          return asked;
        }
        if (finding != ChannelProgress::Finding::fine) pool_.trouble(finding_trouble(*channel, finding));
      }
      pool_.changed_.notify_all();
    }
  }
  return asked;
}

bool StatusPoller::refused(const Error& error, const Channel& channel) {
  const TablePlace table{channel.id().schema, channel.id().table};
  if (error.code == "client_invalid") {
    pool_.fail(error, channel.oid());
    return true;
  }
  if (error.recovery == Recovery::quarantine_table) {
    // The next opening of the channel says what can be done about it.
    pool_.call_answered();
    if (++missing_rounds_[table] < kGoneAfter) return false;
    pool_.fail(error, channel.oid());
    return true;
  }
  if (may_concern_one_table(error) && refusals_[table].refused(pool_.good_calls(), pool_.clock_.now())) {
    pool_.call_answered();
    pool_.trouble(refusal_trouble(channel, error));
    return false;
  }
  pool_.call_failed(error);
  return false;
}

}  // namespace luge
