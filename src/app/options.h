#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "app/column_rules.h"
#include "app/serve/serve_settings.h"
#include "base/clock.h"
#include "destination/snowflake/snowflake_options.h"

namespace luge {

/// Every option after parsing and validation. Which name, default and range each has is in the option table (option_table.cpp).
struct Options {
  // where
  std::string source;       ///< libpq URL or conninfo; may hold a password: print it redacted only
  std::string destination;  ///< --to
  std::string pipeline;
  std::string state;        ///< "" or sqlite:PATH or redis://…
  std::string config;

  // what
  std::string tables;
  std::string mode;         ///< mirror, log
  bool allow_no_identity = false;
  std::string on_gap;         ///< stop, resync
  std::string on_retype;      ///< stop, resync
  std::string on_quarantine;  ///< continue, hold
  std::string snapshot;       ///< "" or the path of a read-only copy that is refreshed
  std::string until;          ///< "", caught-up, or an LSN

  // how
  std::uint64_t batch_max_size = 0;
  Duration batch_max_fill{0};
  std::uint64_t batch_max_bytes = 0;
  std::uint64_t memory_limit = 0;
  std::uint64_t copy_connections = 0;
  std::uint64_t parallel_copies = 0;
  bool streaming = true;
  std::string binary;  ///< auto, on, off

  // output
  std::string log;        ///< text, json
  std::string log_level;  ///< debug, info, warn, error
  bool json = false;
  std::string http;             ///< "" or ADDRESS:PORT of console, API and metrics
  std::string http_token_file;  ///< "": admin.token in luge's directory
  std::string http_names;       ///< separated by commas
  bool http_token_for_reading = false;
  std::uint64_t limit = 0;  ///< query: rows shown to people
  std::uint64_t keys = 0;   ///< verify: differing keys named per table

  // from the configuration file only
  ColumnRules columns;
  std::optional<SnowflakeOptions> snowflake;  ///< each value checked; require_snowflake() checks them together

  // luge serve and the verbs of its catalog
  std::string catalog;  ///< "" or sqlite:PATH or postgres://…
  std::string leases;   ///< serve: "" is the catalog's own, or redis://…
  std::string file;     ///< apply: the document
  bool prune = false;   ///< apply: what the document does not name is removed
  bool dry_run = false; ///< apply: show the difference, change nothing
  ServeSettings serve;  ///< from the configuration file only

  std::string emulator;  ///< demo: "" or the Snowflake emulator's program

  // snowflake init
  bool run_statements = false;
  std::string admin_user;
  std::string admin_key_file;
  std::string admin_role;

  std::vector<std::string> arguments;  ///< positional
};

}  // namespace luge
