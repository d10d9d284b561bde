#include "service/manager/lease_plan.h"

#include <algorithm>
#include <cstddef>
#include <map>

namespace luge {

namespace {
constexpr std::size_t kMostHandedOverAtOnce = 10;

/// How much `number` is above `floor`; 0 if it is not.
std::size_t above(std::size_t number, std::size_t floor) { return number > floor ? number - floor : 0; }
}  // namespace

LeasePlan plan_leases(const LeaseView& view, const std::set<std::string>& active, const std::string& owner) {
  std::map<std::string, std::size_t> held;  // by every process that can take pipelines
  for (const std::string& instance : view.instances) held[instance] = 0;
  held.try_emplace(owner, 0);
  std::set<std::string> taken;
  std::vector<std::string> mine;
  for (const LeaseView::Entry& entry : view.leases) {
    const std::string& holder = entry.lease.owner;
    if (!active.contains(entry.lease.pipeline) || holder.empty() || (entry.expired && holder != owner)) continue;
    taken.insert(entry.lease.pipeline);
    if (const auto process = held.find(holder); process != held.end()) ++process->second;
    if (holder == owner) mine.push_back(entry.lease.pipeline);
  }
  const std::size_t least = active.size() / held.size();
  const std::size_t most = (active.size() + held.size() - 1) / held.size();
  std::size_t others_to_least = 0;  // what the others lack of the even share, rounded down
  std::size_t others_to_most = 0;   // and up
  for (const auto& [process, count] : held) {
    if (process == owner) continue;
    others_to_least += above(least, count);
    others_to_most += above(most, count);
  }
  const std::size_t free = active.size() - taken.size();
  const std::size_t own_to_least = above(least, mine.size());

  LeasePlan plan;
  // What others lack more is left to them, so that what was handed over to one is not taken by another.
  plan.room = std::min(above(most, mine.size()), own_to_least + above(free, others_to_least + own_to_least));
  for (const std::string& name : active) {
    if (plan.room > 0 && !taken.contains(name)) plan.acquire.push_back(name);
  }
  const std::size_t beyond_most = std::min(above(mine.size(), most), above(others_to_most, free));
  const std::size_t one_of_least = std::min<std::size_t>({1, above(mine.size(), least), above(others_to_least, free)});
  const std::size_t give = std::min(std::max(beyond_most, one_of_least), kMostHandedOverAtOnce);
  plan.hand_over.assign(mine.end() - static_cast<std::ptrdiff_t>(give), mine.end());
  return plan;
}

}  // namespace luge
