#pragma once
#include <cstddef>
#include <set>
#include <string>
#include <vector>

#include "service/catalog/pipeline_leases.h"

namespace luge {

struct LeasePlan {
  std::vector<std::string> acquire;    ///< to try, in this order, until `room` are taken
  std::size_t room = 0;
  std::vector<std::string> hand_over;  ///< held, and wanted by processes that have less: drain, then release
};

/// How `owner` gets its share of the active pipelines: at least the even share, rounded down, at most the even share, rounded up. Who has more
/// hands over, some at a time, and only what another one lacks; processes that cannot take pipelines count for nothing.
LeasePlan plan_leases(const LeaseView& view, const std::set<std::string>& active, const std::string& owner);

}  // namespace luge
