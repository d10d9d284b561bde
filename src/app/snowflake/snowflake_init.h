#pragma once
#include <string>
#include <vector>

#include "base/result.h"
#include "destination/snowflake/auth/key_pair.h"
#include "destination/snowflake/snowflake_options.h"
#include "destination/snowflake/sql/sql_client.h"

namespace luge {

struct InitStatement {
  std::string comment;  ///< one sentence
  std::string sql;      ///< without ";"
};

/// What an administrator runs once, so that luge can: role, warehouse, database, user with its key, grants. Each may be repeated; what is
/// there already is kept, but the user's key becomes this one. Pure.
std::vector<InitStatement> init_statements(const SnowflakeOptions& options, const KeyPair& key);

/// The same for a worksheet, with comments.
std::string init_script(const std::vector<InitStatement>& statements, const std::string& admin_role);

struct InitKey {
  KeyPair pair;
  bool created = false;
};

/// The key in `path`, or a new one that is written there: mode 0600, encrypted if there is a passphrase. Never overwrites a file.
Result<InitKey> take_or_make_key(const std::string& path, const std::string& passphrase);

/// Runs them in order; the error names the statement.
Status run_init(SqlClient& sql, const std::vector<InitStatement>& statements);

}  // namespace luge
