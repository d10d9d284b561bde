#pragma once
#include <functional>
#include <string>

#include "model/frontier.h"
#include "pipeline/driver.h"
#include "pipeline/ports.h"
#include "source/catalog_watcher.h"
#include "state/state_store.h"

namespace luge {

/// The pipeline's two views of the source's catalog, in front of one CatalogWatcher.
class CatalogService final : public CatalogPort, public TableFinder {
 public:
  /// `record` says which publication is followed, `own` whether luge made it, so that it may add to it, and `frontier` which tables the
  /// destination knows. `wake` is called on another thread when there is an answer or an event.
  CatalogService(const DriverOptions& options, const StateRecord& record, bool own, const Frontier& frontier, std::function<void()> wake);

  bool try_request(RelationOid oid, std::vector<Oid> types) override { return watcher_.try_request(oid, std::move(types)); }
  std::optional<Answer> try_take_answer() override;
  bool server_stops() const override { return watcher_.server_refuses(); }
  std::optional<TableEvent> try_take_event() override;

  /// The whole catalog was read once, and every event of that was taken.
  bool first_scan_done() const { return watcher_.first_look_taken(); }
  /// Up to here the publication was certainly there: no change is missing for want of it.
  Lsn publication_seen() const { return watcher_.publication_seen(); }

 private:
  TableEvent to_event(CatalogChange change) const;

  const std::string publication_;
  CatalogWatcher watcher_;
};

}  // namespace luge
