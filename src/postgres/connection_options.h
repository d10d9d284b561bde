#pragma once
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace luge {

/// How to reach a PostgreSQL server: libpq's own parameters, plus what luge adds where the user said nothing
/// (application_name, keepalives, timeouts, TLS with verification). Holds the password: never print it, print redacted().
class ConnectionOptions {
 public:
  /// Reads an environment variable; nullopt: not set. For tests.
  using Environment = std::function<std::optional<std::string>(const char* name)>;

  /// `conninfo`: a URL, "key=value …" or "service=…", as psql takes it. Values of the service file count as the user's own.
  /// Errors: usage ("bad_conninfo"); they never quote the string, since parts of a mistyped password could be in it.
  static Result<ConnectionOptions> parse(std::string_view conninfo, std::string_view pipeline);
  static Result<ConnectionOptions> parse(std::string_view conninfo, std::string_view pipeline, const Environment& environment);

  using Keywords = std::map<std::string, std::string, std::less<>>;
  /// What the text itself says, without service file, environment and defaults. The same errors as parse().
  static Result<Keywords> written(std::string_view conninfo);

  /// "user@host:port/database", without password and options.
  std::string redacted() const;

  /// libpq keyword, or "" when neither the user nor luge set it.
  std::string_view get(std::string_view keyword) const;
  void set(std::string keyword, std::string value) { keywords_[std::move(keyword)] = std::move(value); }
  const Keywords& keywords() const { return keywords_; }

  /// Every host is a unix socket or a loopback address, as far as the text says.
  bool is_local() const;
  /// The TLS mode was lowered by the user's word to one that does not verify the server's name.
  bool tls_unverified() const;
  /// For the whole attempt, all hosts together.
  int connect_timeout_s() const;

 private:
  void apply_defaults(std::string_view pipeline, const Environment& environment);
  Keywords keywords_;
};

}  // namespace luge
