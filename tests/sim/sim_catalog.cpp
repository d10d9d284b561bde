#include "sim/sim_catalog.h"

namespace luge {

bool SimCatalog::try_request(RelationOid oid, std::vector<Oid> types) {
  if (asked_.size() >= 2) return false;
  asked_.push_back({oid, std::move(types), now_ + dice_.micros(200, dice_.percent(10) ? 2'000'000 : 10'000)});
  return true;
}

std::optional<CatalogPort::Answer> SimCatalog::try_take_answer() {
  if (!has_answer()) return std::nullopt;
  const Asked asked = std::move(asked_.front());
  const RelationOid oid = asked.oid;
  asked_.pop_front();
  if (dice_.percent(2) && !server_.calm()) return Answer{oid, make_error(Recovery::reconnect, "unreachable", "the catalog cannot be read")};
  const auto found = server_.visible().find(oid);
  if (found == server_.visible().end()) return Answer{oid, std::optional<CatalogTable>(), server_.snapshot()};
  CatalogTable table = to_catalog(*found->second.def(), server_.published(oid));
  for (const Oid type : asked.types) table.types.push_back(sim_type(type));
  return Answer{oid, std::optional<CatalogTable>(std::move(table)), server_.snapshot()};
}

void SimTableFinder::run() {
  if (now_ < next_poll_ || !server_.up()) return;
  next_poll_ = now_ + dice_.millis(50, 1500);
  const SourceTransaction nobody;
  for (const auto& [oid, version] : server_.visible()) {
    if (!server_.published(oid) || !version.def()->selected) continue;
    const auto [known, found] = told_.try_emplace(oid, version.def()->version);
    if (found) {
      events_.push_back(TableFound{to_catalog(*version.def(), true)});
    } else if (known->second != version.def()->version && !server_.locked(nobody, oid, false)) {
      known->second = version.def()->version;
      events_.push_back(TableReshaped{to_catalog(*version.def(), true), server_.insert_lsn()});
    }
  }
}

std::optional<TableEvent> SimTableFinder::try_take_event() {
  if (events_.empty()) return std::nullopt;
  TableEvent event = std::move(events_.front());
  events_.pop_front();
  return event;
}

}  // namespace luge
