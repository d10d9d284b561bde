#pragma once
#include <string>
#include <string_view>
#include <sys/types.h>
#include <vector>

#include "postgres/connection.h"

namespace luge {

/// A PostgreSQL server of one's own for a test: a fresh cluster in a temporary directory, reachable by unix socket and 127.0.0.1,
/// with wal_level=logical and fsync off. Runs as user `postgres` when the test is root. It is ended by its own process id in the
/// destructor, and by the kernel if the test dies first. Binaries: LUGE_TEST_PG_BIN, else the newest /usr/lib/postgresql/*/bin.
/// Failures abort the test with a message: there is nothing to test without a server.
class TempPostgres {
 public:
  struct Options {
    std::vector<std::string> settings;  ///< "name=value", after the defaults
    std::string hba;                    ///< lines put before "all trust"
  };

  TempPostgres() : TempPostgres(Options{}) {}
  explicit TempPostgres(Options options);
  ~TempPostgres();
  TempPostgres(const TempPostgres&) = delete;
  TempPostgres& operator=(const TempPostgres&) = delete;

  /// One server for all tests of a process, started at the first call and ended with the process.
  static TempPostgres& shared();

  /// Superuser "postgres" over the unix socket; TCP: over 127.0.0.1.
  std::string conninfo(std::string_view database = "postgres", std::string_view user = "postgres") const;
  std::string tcp_conninfo(std::string_view database = "postgres", std::string_view user = "postgres") const;
  ConnectionOptions options(std::string_view database = "postgres", std::string_view user = "postgres") const;

  Connection connect(std::string_view database = "postgres") const;
  /// Runs statements (separated by ;) as superuser; aborts with the message if one fails. Returns the first cell of the last one.
  std::string run(std::string_view sql, std::string_view database = "postgres") const;
  /// A new empty database with a name of its own.
  std::string create_database();
  /// Once the walsender of whoever has gone is gone too. Without such a slot nothing happens.
  void drop_slot(const std::string& name) const;

  enum class Stop { fast, immediate };
  /// Returns when the server is gone, or kills it after `timeout_s`. False: it had to be killed.
  bool stop(Stop how = Stop::fast, int timeout_s = 20);
  void start();

  const std::string& directory() const { return directory_; }
  int port() const { return port_; }
  static std::string bin_directory();

 private:
  std::string directory_;
  std::vector<std::string> settings_;
  int port_ = 0;
  int databases_ = 0;
  pid_t server_ = 0;
};

}  // namespace luge
