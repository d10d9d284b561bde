#pragma once
#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "service/catalog/pipeline_catalog.h"

namespace luge {

/// The catalog for pages that anybody may ask for at any time: read at most once in two seconds, on a thread of its own. Whoever looks waits for
/// that a second at most, and gets what was read last where it takes longer or fails. Thread-safe.
class CatalogGlance {
 public:
  struct Seen {
    CatalogContents contents;         ///< revision 0: nothing has been read yet
    std::vector<StatusRow> statuses;
    Instant read_at;
  };
  struct Look {
    std::shared_ptr<const Seen> seen;  ///< never null
    std::optional<Error> error;        ///< of the newest reading: what was seen is older
  };

  /// Both outlive it.
  CatalogGlance(PipelineCatalog& catalog, const Clock& clock);
  /// Waits for a reading under way.
  ~CatalogGlance() = default;
  CatalogGlance(const CatalogGlance&) = delete;
  CatalogGlance& operator=(const CatalogGlance&) = delete;

  Look look();

 private:
  void run(const std::stop_token& stop);
  Result<std::shared_ptr<const Seen>> read();

  PipelineCatalog& catalog_;
  const Clock& clock_;

  std::mutex mutex_;  ///< protects what follows; nobody reads the catalog under it
  std::condition_variable_any asked_;
  std::condition_variable answered_;
  Look last_;
  std::optional<Instant> asked_at_;  ///< a reading is due or under way, for so long
  std::optional<Instant> tried_at_;  ///< the newest one, good or not

  std::jthread thread_;  ///< last: ends before what it uses
};

}  // namespace luge
