#pragma once
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "app/control_socket.h"
#include "app/offline_mirror.h"
#include "app/options.h"
#include "app/pipeline_places.h"
#include "base/result.h"
#include "postgres/connection_options.h"

namespace luge {

/// What a verb has to do with: the running luge, or the files that nobody works on. Exactly one is set.
struct Reached {
  std::optional<ControlClient> running;
  std::unique_ptr<OfflineMirror> offline;
};

/// A luge that is just starting or ending holds the lock without answering: it is waited for, for a few seconds.
Result<Reached> reach(const Options& options, const PipelinePlaces& places);

/// For verbs that need luge's state and not the mirror: the running luge, or the lock of one that does not run. Neither: luge has never run
/// there.
struct ReachedState {
  std::optional<ControlClient> running;
  std::optional<InstanceLock> lock;
};
Result<ReachedState> reach_state(const PipelinePlaces& places);

/// What an earlier run stored; nullopt also when it cannot be read.
std::optional<StateRecord> load_state(const Options& options, const PipelinePlaces& places);

/// --source, else what the state remembers of it (without a password: ~/.pgpass and PGPASSWORD count).
Result<ConnectionOptions> find_source(const Options& options, const std::optional<StateRecord>& state);

}  // namespace luge
