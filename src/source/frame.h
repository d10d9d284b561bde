#pragma once
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "source/replication_stream.h"

namespace luge {

/// One CopyData of the walsender (protocol-replication: XLogData 'w', Primary keepalive message 'k'). nullopt: an unknown leading byte,
/// to be ignored and counted, as PostgreSQL's own apply worker does. Errors: stop_pipeline "malformed". The payload borrows `copy_data`.
Result<std::optional<WalFrame>> parse_frame(std::string_view copy_data);

/// Standby status update ('r').
std::string encode_feedback(const Feedback& feedback, PgTimestamp now);

}  // namespace luge
