#pragma once
#include <optional>
#include <string>

#include "app/config_file.h"
#include "app/destination_name.h"
#include "app/options.h"
#include "base/result.h"
#include "state/redis/redis_address.h"

namespace luge {

/// Where a pipeline keeps what is not the mirror itself. The directory depends on destination and pipeline only, so that every verb
/// finds a running luge by the same --to, wherever its state is.
struct PipelinePlaces {
  DestinationName destination;
  std::string directory;   ///< PATH.luge beside a DuckDB or Parquet destination, else $XDG_STATE_HOME/luge/<pipeline>
  std::string socket;      ///< directory/control.sock
  std::string lock;        ///< directory/lock
  std::string state;       ///< where luge's state is, for people: the SQLite file, or the Redis without its password
  std::string state_path;  ///< the SQLite file; default directory/state.db; empty with Redis
  std::optional<RedisAddress> redis;
};

Result<PipelinePlaces> find_places(const Options& options, const Environment& environment);

/// $XDG_STATE_HOME, else ~/.local/state.
Result<std::string> state_home(const Environment& environment);

/// Makes a directory and its missing parents, each with mode 0700.
Status make_private_directory(const std::string& path);

/// Pipeline names become parts of identifiers and file names: a-z, 0-9 and _, at most 50 characters, starting with a letter.
Status check_pipeline_name(const std::string& name);

}  // namespace luge
