#include "app/reach.h"

#include <chrono>
#include <thread>

#include "app/state_registry.h"
#include "app/usage_error.h"

namespace luge {

namespace {

constexpr auto kPatience = std::chrono::seconds(5);
constexpr auto kPause = std::chrono::milliseconds(50);

std::string quoted(std::string_view value) {
  std::string out = "'";
  for (const char c : value) {
    if (c == '\'' || c == '\\') out += '\\';
    out += c;
  }
  return out + "'";
}

/// "user@host:port/database" (ConnectionOptions::redacted) as a conninfo string; the host may be a directory, its slashes come
/// before the port.
std::string conninfo_of(std::string_view description) {
  std::string out;
  if (const auto at = description.find('@'); at != std::string_view::npos) {
    out += "user=" + quoted(description.substr(0, at)) + " ";
    description.remove_prefix(at + 1);
  }
  const auto colon = description.rfind(':');
  const auto slash = description.find('/', colon == std::string_view::npos ? (description.starts_with('/') ? description.size() : 0) : colon);
  if (slash != std::string_view::npos) {
    out += "dbname=" + quoted(description.substr(slash + 1)) + " ";
    description = description.substr(0, slash);
  }
  if (colon != std::string_view::npos && colon < description.size()) {
    out += "port=" + quoted(description.substr(colon + 1)) + " ";
    description = description.substr(0, colon);
  }
  if (description != "local") out += "host=" + quoted(description);
  return out;
}

}  // namespace

Result<Reached> reach(const Options& options, const PipelinePlaces& places) {
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  while (true) {
    Reached reached;
    TRY(reached.running, ControlClient::connect(places.socket));
    if (reached.running) return reached;
    auto offline = OfflineMirror::open(options, places);
    if (offline) {
      reached.offline = std::move(*offline);
      return reached;
    }
    if (offline.error().code != "running" || std::chrono::steady_clock::now() > deadline) return offline.error();
    std::this_thread::sleep_for(kPause);
  }
}

Result<ReachedState> reach_state(const PipelinePlaces& places) {
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  while (true) {
    ReachedState reached;
    TRY(reached.running, ControlClient::connect(places.socket));
    if (reached.running || !may_have_state(places)) return reached;
    CHECK_OK(make_private_directory(places.directory));
    auto lock = InstanceLock::acquire(places.lock);
    if (lock) {
      reached.lock = std::move(*lock);
      return reached;
    }
    if (lock.error().code != "running" || std::chrono::steady_clock::now() > deadline) return lock.error();
    std::this_thread::sleep_for(kPause);
  }
}

std::optional<StateRecord> load_state(const Options& options, const PipelinePlaces& places) {
  const auto opened = open_existing_state(places);
  if (!opened) return std::nullopt;
  auto record = opened->store->load(options.pipeline);
  return record ? std::move(*record) : std::nullopt;
}

Result<ConnectionOptions> find_source(const Options& options, const std::optional<StateRecord>& state) {
  if (!options.source.empty()) return ConnectionOptions::parse(options.source, options.pipeline);
  if (state && !state->source.empty()) return ConnectionOptions::parse(conninfo_of(state->source), options.pipeline);
  return usage_error("--source is missing", "where do the changes come from? For example --source postgres://app@db.example/shop");
}

}  // namespace luge
