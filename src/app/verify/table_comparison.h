#pragma once
#include <cstddef>

#include "app/verify/comparison_sql.h"
#include "app/verify/verify_report.h"
#include "base/result.h"
#include "destination/destination.h"
#include "postgres/connection.h"

namespace luge {

/// Compares one table through two readers that stand at the same LSN. Both sides work at the same time; neither hands out its rows
/// unless they differ, and then only those of the differing buckets. At most `keys` differences are named.
/// Fills source, mirror, differences, more and outcome of `result`.
Status compare_table(Connection& source, ReadHandle& mirror, const ComparedTable& table, std::size_t keys, TableComparison& result);

}  // namespace luge
