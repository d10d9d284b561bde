#pragma once
#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <gtest/gtest.h>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "destination/snowflake/actors/actor_pool.h"
#include "destination/snowflake/encode/offset_token.h"
#include "support/chunk_maker.h"

namespace luge {

/// A Snowpipe Streaming that does what a test tells it. Thread-safe; rows are committed as soon as they are taken, unless held.
class ScriptedService {
 public:
  struct Channel {
    std::vector<Position> rows;        ///< taken, in order
    std::vector<std::string> lines;
    std::optional<Position> token;     ///< committed
    std::uint64_t inserted = 0;
    std::uint64_t errors = 0;
    bool open = false;
    int openings = 0;
  };
  struct Attempt {
    std::string channel;
    std::string text;  ///< all that was offered, from the first row on
    std::chrono::steady_clock::time_point at;
  };

  std::mutex mutex;
  std::condition_variable_any changed;
  std::map<std::string, Channel> channels;
  std::vector<Attempt> attempts;               ///< of append
  std::vector<std::string> dropped;
  std::map<std::string, std::deque<Error>> append_errors;  ///< by channel; "" for any: answers of the next appends
  std::optional<Error> every_append;           ///< until it is taken away
  std::map<std::string, Error> refusals;       ///< by channel, "" for all: every opening and append, until it is taken away
  std::optional<Error> every_status;           ///< until it is taken away
  std::size_t rows_per_request = 100;
  bool commits = true;                         ///< false: what is taken waits
  std::uint64_t count_too_few = 0;             ///< rows that disappear
  std::string hangs;                           ///< "make", "open", "append", "statuses", "drop", "all"
  int statuses_asked = 0;
  std::map<std::string, int> openings_asked;   ///< by channel

  template <class Done>
  bool wait_until(Done done, std::chrono::milliseconds longest = std::chrono::seconds(10)) {
    std::unique_lock lock(mutex);
    return changed.wait_for(lock, longest, done);
  }
  template <class Change>
  void change(Change change) {
    {
      std::lock_guard lock(mutex);
      change();
    }
    changed.notify_all();
  }
  /// Under the lock.
  std::optional<Error> refusal(const std::string& channel) const {
    for (const std::string& key : {channel, std::string()}) {
      if (const auto found = refusals.find(key); found != refusals.end()) return found->second;
    }
    return std::nullopt;
  }
  std::vector<std::uint64_t> ordinals(const std::string& channel) {
    std::lock_guard lock(mutex);
    std::vector<std::uint64_t> out;
    for (const Position& row : channels[channel].rows) out.push_back(row.ordinal);
    return out;
  }
  /// Under the lock. False: the caller was stopped while it hung.
  bool linger(std::unique_lock<std::mutex>& lock, const std::string& what, const std::stop_token& stop) {
    if (hangs != what && hangs != "all") return true;
    changed.notify_all();
    return changed.wait(lock, stop, [&] { return hangs != what && hangs != "all"; });
  }
};

class ScriptedClient final : public IngestClient {
 public:
  ScriptedClient(ScriptedService& service, std::stop_token stop) : service_(service), stop_(std::move(stop)) {}

  Result<ChannelStatus> open(const ChannelId& id, Duration) override {
    std::unique_lock lock(service_.mutex);
    if (!service_.linger(lock, "open", stop_)) return cancelled();
    ++service_.openings_asked[id.channel];
    service_.changed.notify_all();
    if (const auto refused = service_.refusal(id.channel)) return *refused;
    auto& channel = service_.channels[id.channel];
    channel.open = true;
    ++channel.openings;
    return status(channel);
  }
  Result<Appended> append(const ChannelId& id, const EncodedRows& rows, std::size_t from) override {
    std::unique_lock lock(service_.mutex);
    std::string text;
    for (std::size_t i = from; i < rows.rows.size(); ++i) text += rows.line(i);
    service_.attempts.push_back({id.channel, std::move(text), std::chrono::steady_clock::now()});
    service_.changed.notify_all();
    if (!service_.linger(lock, "append", stop_)) return cancelled();
    if (service_.every_append) return *service_.every_append;
    if (const auto refused = service_.refusal(id.channel)) return *refused;
    for (const std::string& key : {id.channel, std::string()}) {
      auto& errors = service_.append_errors[key];
      if (errors.empty()) continue;
      Error error = std::move(errors.front());
      errors.pop_front();
      return error;
    }
    auto& channel = service_.channels[id.channel];
    EXPECT_TRUE(channel.open) << "rows for a channel that is not open";
    const std::size_t count = std::min(service_.rows_per_request, rows.rows.size() - from);
    for (std::size_t i = from; i < from + count; ++i) {
      channel.rows.push_back(rows.rows[i].position);
      channel.lines.emplace_back(rows.line(i));
    }
    return Appended{count, Duration(0)};
  }
  Result<std::map<std::string, ChannelStatus>> statuses(const std::string&, const std::string&, const std::vector<std::string>& names) override {
    std::unique_lock lock(service_.mutex);
    ++service_.statuses_asked;
    service_.changed.notify_all();
    if (!service_.linger(lock, "statuses", stop_)) return cancelled();
    if (service_.every_status) return *service_.every_status;
    std::map<std::string, ChannelStatus> out;
    for (const std::string& name : names) {
      const auto found = service_.channels.find(name);
      if (found == service_.channels.end()) continue;
      auto& channel = found->second;
      if (service_.commits && !channel.rows.empty() && (!channel.token || *channel.token < channel.rows.back())) {
        channel.inserted += static_cast<std::uint64_t>(
            std::count_if(channel.rows.begin(), channel.rows.end(), [&](const Position& row) { return !channel.token || row > *channel.token; }));
        channel.inserted -= std::exchange(service_.count_too_few, 0);
        channel.token = channel.rows.back();
      }
      out[name] = status(channel);
    }
    return out;
  }
  Status drop(const ChannelId& id) override {
    std::unique_lock lock(service_.mutex);
    if (!service_.linger(lock, "drop", stop_)) return cancelled();
    service_.channels.erase(id.channel);
    service_.dropped.push_back(id.channel);
    service_.changed.notify_all();
    return ok();
  }
  Status flush() override { return ok(); }

 private:
  static Error cancelled() { return make_error(Recovery::retry, "cancelled", "luge is stopping"); }
  static ChannelStatus status(const ScriptedService::Channel& channel) {
    ChannelStatus out;
    out.code = "SUCCESS";
    if (channel.token) out.committed_token = offset_token(*channel.token);
    out.rows_inserted = channel.inserted;
    out.rows_error_count = channel.errors;
    return out;
  }
  ScriptedService& service_;
  const std::stop_token stop_;
};

/// Tables of one text column beside the key, and an ActorPool before a ScriptedService.
class ActorPoolTest : public testing::Test {
 protected:
  static Error retry_error() { return make_error(Recovery::retry, "503", "the service is away"); }

  ActorPool& pool() {
    if (!pool_) {
      const auto make = [this](const std::stop_token& stop) -> Result<std::unique_ptr<IngestClient>> {
        std::unique_lock lock(service_.mutex);
        if (!service_.linger(lock, "make", stop)) return make_error(Recovery::retry, "cancelled", "luge is stopping");
        return std::unique_ptr<IngestClient>(std::make_unique<ScriptedClient>(service_, stop));
      };
      settings_.make_client = make;
      settings_.make_status_client = [this, make](const std::stop_token& stop) -> Result<std::unique_ptr<IngestClient>> {
        if (status_client_failures_-- > 0) return retry_error();
        return make(stop);
      };
      settings_.settle = std::chrono::seconds(1);
      pool_ = std::make_unique<ActorPool>(settings_, clock_, 7);
    }
    return *pool_;
  }
  static TableSchemaPtr table(RelationOid oid) {
    using namespace chunk_test;
    return shape(oid, {"public", "t" + std::to_string(oid)}, {column("id", 1, ValueKind::int64), column("day", 2, ValueKind::date)}, {0});
  }
  static ChannelId id(RelationOid oid, std::uint16_t shard = 0) {
    return {"PUBLIC", "T" + std::to_string(oid) + "__LOG", "c" + std::to_string(oid) + "_" + std::to_string(shard)};
  }
  std::shared_ptr<Channel> add(RelationOid oid, std::uint16_t shard = 0, std::optional<ChannelMark> known = std::nullopt) {
    return pool().add(id(oid, shard), oid, shard, known);
  }
  /// Inserts with the ordinals [from, to) of one transaction.
  static std::shared_ptr<OutgoingChunk> rows(RelationOid oid, std::uint64_t from, std::uint64_t to, std::vector<std::uint16_t> shards = {}) {
    using namespace chunk_test;
    ChunkMaker maker(table(oid));
    for (std::uint64_t i = from; i < to; ++i) maker.row(RowOp::insert, {n(static_cast<std::int64_t>(i)), n(19'000)}, 100, i, 5);
    auto out = std::make_shared<OutgoingChunk>();
    out->chunk = maker.take();
    out->names = {"ID", "DAY"};
    out->epoch = 1;
    if (!shards.empty()) {
      for (std::uint64_t i = from; i < to; ++i) out->shard_of_row.push_back(shards[i % shards.size()]);
    }
    return out;
  }
  static Position at(std::uint64_t ordinal) { return {1, Lsn{100}, ordinal}; }
  static std::vector<std::uint64_t> range(std::uint64_t from, std::uint64_t to) {
    std::vector<std::uint64_t> out;
    for (std::uint64_t i = from; i < to; ++i) out.push_back(i);
    return out;
  }
  std::string settle(const std::vector<std::shared_ptr<Channel>>& channels, Duration longest = std::chrono::seconds(10)) {
    const Status settled = pool().settle(channels, longest);
    return settled ? "" : settled.error().code;
  }
  template <class Done>
  static bool soon(Done done) {
    for (int i = 0; i < 1000; ++i) {
      if (done()) return true;
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    return false;
  }

  std::atomic<int> status_client_failures_ = 0;
  SystemClock clock_;
  ScriptedService service_;
  ActorPool::Settings settings_;
  std::unique_ptr<ActorPool> pool_;
};

}  // namespace luge
