#include "app/serve/alert_keeper.h"

#include <set>
#include <utility>

#include "base/log.h"

namespace luge {

namespace {

AlertRow row_of(const KnownAlert& known) { return {known.alert.key, known.scope, write_known_alerts({known})}; }

}  // namespace

bool AlertKeeper::note(const Status& status, const char* consequence) {
  if (status) {
    failing_ = false;
    return true;
  }
  if (!std::exchange(failing_, true))
    log_event(LogLevel::warn, "alerts_not_kept", status.error().what + ": " + consequence, {{"code", status.error().code}});
  return false;
}

std::optional<std::vector<KnownAlert>> AlertKeeper::read_others() {
  const auto rows = catalog_.read_alerts();
  if (!note(rows ? ok() : Status(rows.error()), "receivers may be told again what they know")) return std::nullopt;
  std::vector<KnownAlert> all;
  for (const AlertRow& row : *rows) {
    if (kept_.contains(row.key)) continue;
    for (KnownAlert& known : read_known_alerts(row.document)) all.push_back(std::move(known));
  }
  return all;
}

void AlertKeeper::take(const std::vector<KnownAlert>& alerts) {
  for (const KnownAlert& known : alerts) kept_[known.alert.key] = row_of(known);
}

void AlertKeeper::leave(std::string_view scope) {
  std::erase_if(kept_, [&](const auto& entry) { return entry.second.scope == scope; });
}

void AlertKeeper::keep(const std::vector<KnownAlert>& alerts) {
  std::vector<AlertRow> rows;
  std::set<std::string, std::less<>> keys;
  for (const KnownAlert& known : alerts) {
    if (known.scope == kNotKept) continue;
    AlertRow row = row_of(known);
    keys.insert(row.key);
    const auto before = kept_.find(row.key);
    if (before == kept_.end() || before->second.document != row.document) rows.push_back(std::move(row));
  }
  std::vector<std::string> gone;
  for (const auto& [key, row] : kept_) {
    if (!keys.contains(key)) gone.push_back(key);
  }
  if (rows.empty() && gone.empty()) return;
  if (!note(catalog_.write_alerts(rows, gone), "after a restart receivers are told again what they know")) return;
  for (const std::string& key : gone) kept_.erase(key);
  for (AlertRow& row : rows) {
    const std::string key = row.key;
    kept_[key] = std::move(row);
  }
}

}  // namespace luge
