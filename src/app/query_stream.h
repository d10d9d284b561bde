#pragma once
#include <functional>
#include <string>

#include "base/result.h"
#include "destination/destination.h"

namespace luge {

/// Runs `sql` on a reader and hands out JSON: first {"columns": [names]}, then {"row": [text or null, …]} for each row.
/// `emit` says false when nobody listens any more: the reader is cancelled then. Returns the number of rows.
Result<std::uint64_t> stream_query(ReadHandle& reader, const std::string& sql, const std::function<bool(const std::string& json)>& emit);

}  // namespace luge
