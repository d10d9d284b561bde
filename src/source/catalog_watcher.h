#pragma once
#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "model/snapshot.h"
#include "postgres/connection_options.h"
#include "source/catalog_scan.h"

namespace luge {

/// A thread with a connection of its own: answers questions about single tables, in order, and looks over the whole catalog every
/// `interval`; less often where another pipeline's watcher tells it that the catalog has changed. All calls are thread-safe and none waits. `wake` is called, on the thread, after anything new to take.
class CatalogWatcher {
 public:
  struct Answer {
    RelationOid oid = 0;
    Result<std::optional<CatalogTable>> table;
    Snapshot seen{};  ///< taken before the table was read
  };

  CatalogWatcher(ConnectionOptions source, CatalogScanOptions scan, const std::vector<FollowedTable>& followed, const std::string& memory,
                 Duration interval, std::function<void()> wake);
  ~CatalogWatcher();
  CatalogWatcher(const CatalogWatcher&) = delete;
  CatalogWatcher& operator=(const CatalogWatcher&) = delete;

  /// False: too many questions wait.
  bool try_request(RelationOid oid, std::vector<Oid> types);
  /// Every question gets one answer. Its error has recovery `reconnect`, after several tries.
  std::optional<Answer> try_take_answer();
  std::optional<CatalogChange> try_take_change();
  /// The last look was refused with 57P03: the server shuts down (or starts up, but then there is no stream).
  bool server_refuses() const { return refused_.load(); }
  /// The first look is done and all it found was taken.
  bool first_look_taken() const;
  /// Up to here the publication was certainly there.
  Lsn publication_seen() const;

 private:
  struct Question {
    RelationOid oid = 0;
    std::vector<Oid> types;
  };
  void run(const std::stop_token& stop);
  bool look(const std::stop_token& stop);
  bool note(std::vector<CatalogChange> changes);
  void look_when(SchemaCache::Member::When when);
  /// Another watcher reads the version at its interval, and this one needs nothing but news of it.
  bool may_rest() const;
  Answer answer(const Question& question, const std::stop_token& stop);
  Status connect(const std::stop_token& stop);

  const ConnectionOptions source_;
  const std::string publication_;
  const Duration interval_;
  const std::function<void()> wake_;
  const std::shared_ptr<SchemaCache> cache_;
  CatalogScan scan_;  ///< of the thread
  std::optional<Connection> connection_;  ///< of the thread
  std::chrono::milliseconds look_took_{0};  ///< of the thread
  bool look_failed_ = false;  ///< of the thread
  bool settled_ = false;  ///< of the thread: the last look had nothing to do

  std::atomic<bool> refused_ = false;
  mutable std::mutex mutex_;  ///< protects what follows
  std::condition_variable_any asked_;
  std::deque<Question> questions_;
  std::deque<Answer> answers_;
  std::deque<CatalogChange> changes_;
  bool looked_ = false;
  bool look_now_ = false;
  bool look_soon_ = false;  ///< within an interval from when this is seen
  Lsn publication_seen_;
  std::optional<SchemaCache::Member> member_;  ///< of cache_
  std::jthread thread_;  ///< last: ends before what it uses
};

}  // namespace luge
