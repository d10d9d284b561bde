#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace luge {

/// Where a Redis is, as `--state` names it:
///   redis://[[USER]:PASSWORD@]HOST[:PORT][/DATABASE][?option&…]          a server
///   redis+sentinel://[[USER]:PASSWORD@]HOST[:PORT],HOST…/MASTER[/DATABASE]   the master that these sentinels name
/// rediss:// asks for TLS. User and password are percent-encoded; since the last @ ends a password, other characters than % may stand in it as they
/// are. Options: `may_lose=yes`.
struct RedisAddress {
  struct Host {
    std::string name;
    std::uint16_t port = 6379;
  };

  bool tls = false;
  std::vector<Host> hosts;  ///< one, or the sentinels
  std::string master;       ///< empty: the host is the server
  std::string user;
  std::string password;     ///< never print it: print redacted()
  std::uint32_t database = 0;
  bool may_lose = false;    ///< the operator accepts a Redis that can lose acknowledged writes

  /// Errors: usage ("bad_state"); they never quote the text, since parts of a password could be in it.
  static Result<RedisAddress> parse(std::string_view text);
  /// What parse() takes for user and password, as it is written, whether or not the rest of the address makes sense: for whoever must hide it.
  /// nullopt: there is no @, or the text is no address of a Redis.
  static std::optional<std::string_view> credentials(std::string_view text);
  /// Without user and password.
  std::string redacted() const;
};

}  // namespace luge
