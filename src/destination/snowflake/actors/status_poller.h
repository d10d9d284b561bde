#pragma once
#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "destination/snowflake/actors/actor_pool.h"

namespace luge {

/// Asks Snowflake how far channels with rows on their way have come, off the actors' threads: an answer may take a second.
class StatusPoller {
 public:
  explicit StatusPoller(ActorPool& pool);
  ~StatusPoller();

  void watch(std::shared_ptr<Channel> channel);
  void forget(const Channel& channel);
  /// Rows went out: there is something to ask about.
  void stir();
  std::map<RelationOid, std::uint64_t> rows_landed();
  void request_stop() { thread_.request_stop(); }

 private:
  void run(const std::stop_token& stop);
  /// How many tables were asked about.
  std::size_t poll(IngestClient& client, const std::stop_token& stop);

  ActorPool& pool_;
  std::mutex mutex_;
  std::condition_variable_any stirred_;
  bool stir_ = false;
  std::vector<std::shared_ptr<Channel>> channels_;
  std::map<RelationOid, std::uint64_t> landed_before_;  ///< through channels that are not watched any more
  std::jthread thread_;
};

}  // namespace luge
