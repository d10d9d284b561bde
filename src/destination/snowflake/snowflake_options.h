#pragma once
#include <cstdint>
#include <map>
#include <string>

#include "base/clock.h"

namespace luge {

/// The section `snowflake` of the configuration, checked. Secrets stand here in the clear: never print one.
struct SnowflakeOptions {
  enum class Transport : char { sdk, rest };
  enum class CurrentState : char {
    merge,  ///< a table, kept current by MERGE
    view,   ///< a view that folds the log: no warehouse works while nobody reads
    none,   ///< the log only
  };

  std::string url;      ///< https://host[:port] without a trailing slash; derived from `account` when not given
  std::string ca_file;  ///< additional trust, PEM
  std::string account;
  std::string user;
  std::string role;
  std::string private_key_file;
  std::string private_key_passphrase;
  std::string pat;          ///< programmatic access token
  std::string oauth_token;          ///< an access token that somebody else renews
  std::string oauth_client_id;      ///< with these luge fetches access tokens itself
  std::string oauth_client_secret;
  std::string oauth_refresh_token;   ///< empty: the grant is client_credentials
  std::string oauth_token_endpoint;  ///< empty, with a refresh token: the account's own
  std::string oauth_scope;           ///< empty: session:role:ROLE, if there is a role
  std::string database;
  std::string schema;       ///< where all tables go; empty: a schema for each of the source's, under the same name
  std::string warehouse;

  Transport transport = Transport::sdk;
  std::string python;       ///< interpreter of the environment that has the SDK
  std::string transform;    ///< "module:function", RecordBatch -> RecordBatch; transport sdk only
  std::uint32_t actors = 4;
  std::uint32_t shards_per_table = 4;
  // No settings of users.
  Duration longest_commit = std::chrono::minutes(1);   ///< rows that wait longer are taken for lost
  Duration answer = std::chrono::seconds(90);          ///< how long a request about channels may go without one
  Duration settle = std::chrono::seconds(30);          ///< how long an opening waits for what an earlier owner left, and for its pipe

  CurrentState current_state = CurrentState::merge;
  Duration merge_interval = std::chrono::seconds(60);
  std::map<std::string, Duration> merge_interval_of;  ///< schema.table of the source -> interval
  bool soft_delete = false;
  Duration log_retention{0};                           ///< 0: rows of the log are kept for ever
  std::map<std::string, Duration> log_retention_of;
  bool keep_case = false;                              ///< identifiers as the source spells them; else upper case
};

}  // namespace luge
