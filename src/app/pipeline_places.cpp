#include "app/pipeline_places.h"

#include <algorithm>
#include <cstring>
#include <filesystem>

#include "app/usage_error.h"
#include "state/private_path.h"

namespace luge {

Result<std::string> state_home(const Environment& environment) {
  if (const auto home = environment("XDG_STATE_HOME"); home && home->starts_with('/')) return *home;
  if (const auto home = environment("HOME"); home && !home->empty()) return *home + "/.local/state";
  return usage_error("neither XDG_STATE_HOME nor HOME is set", "give --state sqlite:PATH and set HOME");
}

Status check_pipeline_name(const std::string& name) {
  const auto allowed = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_'; };
  const bool starts_well = !name.empty() && name.front() >= 'a' && name.front() <= 'z';
  if (starts_well && name.size() <= 50 && std::ranges::all_of(name, allowed)) return ok();
  return usage_error("--pipeline '" + name + "' cannot be part of a slot's name", "use a-z, 0-9 and _, at most 50 characters, a letter first");
}

Result<PipelinePlaces> find_places(const Options& options, const Environment& environment) {
  CHECK_OK(check_pipeline_name(options.pipeline));
  PipelinePlaces places;
  TRY(places.destination, parse_destination_name(options.destination));
  if (!places.destination.path.empty()) {
    places.directory = places.destination.path + ".luge";
  } else {
    TRY(const std::string home, state_home(environment));
    places.directory = home + "/luge/" + options.pipeline;
  }
  places.socket = places.directory + "/control.sock";
  places.lock = places.directory + "/lock";
  constexpr std::string_view kSqlite = "sqlite:";
  if (options.state.empty()) {
    places.state_path = places.directory + "/state.db";
  } else if (options.state.starts_with(kSqlite) && options.state.size() > kSqlite.size()) {
    places.state_path = std::filesystem::absolute(options.state.substr(kSqlite.size())).lexically_normal().string();
  } else if (options.state.starts_with("redis")) {
    TRY(places.redis, RedisAddress::parse(options.state));
  } else {
    return usage_error("--state names no place for state", "write sqlite:PATH, or redis://HOST:PORT");
  }
  places.state = places.redis ? places.redis->redacted() : places.state_path;
  return places;
}

Status make_private_directory(const std::string& path) {
  const auto trouble = make_private_directories(path);
  if (!trouble) return ok();
  return fatal("directory", "cannot create " + trouble->path + ": " + std::strerror(trouble->number),
               "check the owner and the mode of the directory above");
}

}  // namespace luge
