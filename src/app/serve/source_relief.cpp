#include "app/serve/source_relief.h"

#include <utility>

#include "base/log.h"
#include "base/log_component.h"

namespace luge {

namespace {

void tell(const std::string& source, WalAction action, bool before, bool now, WalLevel level) {
  if (before == now) return;
  log_event(LogLevel::warn, now ? "wal_action_begins" : "wal_action_ends",
            now ? "the pipelines of the source do it until its level falls" : "the pipelines of the source do as usual",
            {{"source", source}, {"level", to_string(level)}, {"action", to_string(action)}});
}

}  // namespace

Relief relief_at(const WalReport& report) {
  if (!report.verdict) return {};
  return {report.verdict->calls_for(WalAction::pause_copies), report.verdict->calls_for(WalAction::larger_batches)};
}

void SourceRelief::follow(const std::vector<WalReport>& reports) {
  const LogComponent scope("wal");
  std::map<std::string, Relief> wanted;
  for (const WalReport& report : reports) {
    const Relief relief = relief_at(report);
    const auto before = in_force_.find(report.source);
    change(report.source, before == in_force_.end() ? Relief{} : before->second, relief, report.verdict ? report.verdict->level : WalLevel::ok);
    wanted.emplace(report.source, relief);
  }
  for (const auto& [source, relief] : in_force_) {
    if (!wanted.contains(source)) change(source, relief, {}, WalLevel::ok);
  }
  in_force_ = std::move(wanted);
}

void SourceRelief::change(const std::string& source, Relief from, Relief to, WalLevel level) const {
  if (from == to) return;
  apply_(source, to);
  tell(source, WalAction::pause_copies, from.pause_copies, to.pause_copies, level);
  tell(source, WalAction::larger_batches, from.larger_batches, to.larger_batches, level);
}

}  // namespace luge
