#pragma once
#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "destination/snowflake/actors/actor_pool.h"
#include "destination/snowflake/actors/refusal_count.h"

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
  using TablePlace = std::pair<std::string, std::string>;  ///< schema and name, in Snowflake

  void run(const std::stop_token& stop);
  /// How many tables were asked about.
  std::size_t poll(IngestClient& client, const std::stop_token& stop);
  /// An answer about a table's channels that is none. True: it ends the pool.
  bool refused(const Error& error, const Channel& channel);

  ActorPool& pool_;
  std::mutex mutex_;
  std::condition_variable_any stirred_;
  bool stir_ = false;
  std::vector<std::shared_ptr<Channel>> channels_;
  std::map<RelationOid, std::uint64_t> landed_before_;  ///< through channels that are not watched any more
  std::map<TablePlace, std::uint32_t> missing_rounds_;  ///< the thread's own: how often in a row a table was not there
  std::map<TablePlace, RefusalCount> refusals_;         ///< the thread's own
  std::jthread thread_;
};

}  // namespace luge
