#pragma once
#include <stop_token>
#include <string>
#include <string_view>

#include "base/result.h"
#include "model/lsn.h"
#include "postgres/connection.h"

namespace luge {

/// "luge_" and the pipeline's name: the default for slot and publication.
std::string default_slot_name(std::string_view pipeline);

struct SlotRequest {
  std::string name;
  bool failover = false;  ///< 17+: synchronised to standbys; ignored on older servers
};

/// Creates the logical slot and returns its consistent point. Waits for every transaction that is running now; who is waited for is
/// logged after 3 seconds and every 10. The caller has stored `creating` before, and drops a slot that it finds in that phase.
/// Errors: 42710: there is one of that name; "slot_limit": no free slot; 57014: `stop` was requested; 42501, 55000 (wal_level) with the remedy.
Result<Lsn> create_slot(const ConnectionOptions& options, const SlotRequest& request, const std::stop_token& stop);

/// Drops it; true: there was one. Errors: retry 55006: it is in use.
Result<bool> drop_slot(Connection& sql, std::string_view name);

/// Sessions and prepared transactions that keep old transactions open, oldest first: "pid 123 (psql, idle in transaction since …)".
/// Names and times only. Empty text: none visible to this role.
Result<std::string> describe_old_transactions(Connection& sql);

}  // namespace luge
