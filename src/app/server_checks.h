#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "app/check.h"
#include "base/result.h"
#include "postgres/connection.h"

namespace luge {

/// What luge needs to know of a server and its own role there.
struct ServerFacts {
  int version = 0;  ///< server_version_num
  std::string wal_level;
  bool in_recovery = false;
  int max_replication_slots = 0;
  int used_replication_slots = 0;
  int max_wal_senders = 0;
  int used_wal_senders = 0;
  std::string role;
  bool may_replicate = false;
  bool may_create_publication = false;  ///< CREATE on the database
  std::string output_plugins;           ///< setting output_plugin_libraries; "" where there is none
  std::string max_slot_wal_keep;
  std::string idle_slot_timeout;        ///< 18+; "" before
  std::string encoding;
  std::string database;
};

Result<ServerFacts> read_server_facts(Connection& sql);

/// Pure. `slot_exists`: luge's slot is there already, so no free one is needed.
std::vector<Check> check_server(const ServerFacts& facts, bool slot_exists);

/// Defects of this minor release that touch logical decoding and are fixed in a later one (postgres release notes).
std::vector<Check> check_minor_release(int version);

/// "15.20" for 150020.
std::string version_text(int version);

}  // namespace luge
