#include "service/manager/lease_plan.h"

#include <algorithm>
#include <cstddef>
#include <map>

namespace luge {

namespace {
constexpr std::size_t kMostHandedOverAtOnce = 10;
}

LeasePlan plan_leases(const LeaseView& view, const std::set<std::string>& active, const std::string& owner) {
  std::map<std::string, std::size_t> held;  // by every process that is alive
  for (const std::string& instance : view.instances) held[instance] = 0;
  held.try_emplace(owner, 0);
  std::set<std::string> taken;
  std::vector<std::string> mine;
  for (const LeaseView::Entry& entry : view.leases) {
    const std::string& holder = entry.lease.owner;
    if (!active.contains(entry.lease.pipeline) || holder.empty() || (entry.expired && holder != owner)) continue;
    taken.insert(entry.lease.pipeline);
    ++held[holder];
    if (holder == owner) mine.push_back(entry.lease.pipeline);
  }
  const std::size_t processes = held.size();
  const std::size_t least = active.size() / processes;
  const std::size_t most = (active.size() + processes - 1) / processes;

  LeasePlan plan;
  for (const std::string& name : active) {
    if (!taken.contains(name)) plan.acquire.push_back(name);
  }
  plan.room = mine.size() < most ? most - mine.size() : 0;
  if (plan.room == 0) plan.acquire.clear();

  std::size_t missing = 0;
  for (const auto& [instance, count] : held) {
    if (instance != owner && count < least) missing += least - count;
  }
  // What lies free already is theirs to take.
  const std::size_t free = active.size() - taken.size();
  missing = missing > free ? missing - free : 0;
  const std::size_t one_more = mine.size() > least ? 1 : 0;
  const std::size_t surplus = mine.size() > most ? mine.size() - most : one_more;
  const std::size_t give = std::min({surplus, missing, kMostHandedOverAtOnce});
  plan.hand_over.assign(mine.end() - static_cast<std::ptrdiff_t>(give), mine.end());
  return plan;
}

}  // namespace luge
