#pragma once
#include <optional>
#include <string>

#include "app/config_file.h"
#include "app/demo/child.h"
#include "base/result.h"

namespace luge {

/// A PostgreSQL server of one's own in a directory of its own, without TCP, ended with this object.
class PrivateServer {
 public:
  /// `directory` exists and is empty. Uses the programs of $LUGE_POSTGRES_BIN, PATH, pg_config or /usr/lib/postgresql/*/bin. As root the
  /// server runs as user postgres, else nobody: PostgreSQL refuses root.
  static Result<PrivateServer> start(const std::string& directory, const Environment& environment);

  /// For luge and for a client, as superuser.
  std::string conninfo() const { return "host=" + directory_ + " port=5432 user=postgres dbname=postgres"; }

 private:
  PrivateServer(std::string directory, Child server) : directory_(std::move(directory)), server_(std::move(server)) {}
  std::string directory_;
  Child server_;
};

/// The directory with `initdb` and `postgres`, or nullopt.
std::optional<std::string> find_postgres_programs(const Environment& environment);

}  // namespace luge
