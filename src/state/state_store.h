#pragma once
#include <optional>
#include <string>

#include "base/result.h"
#include "model/checkpoint.h"
#include "model/pg_type.h"

namespace luge {

/// What luge must remember about one pipeline outside of its destination (design.md §3 rule 2).
struct StateRecord {
  enum class SlotPhase : char { none = 'n', creating = 'c', ready = 'r' };

  std::uint64_t system_identifier = 0;
  Oid database_oid = 0;
  std::uint32_t timeline = 0;
  std::string slot;
  SlotPhase slot_phase = SlotPhase::none;
  std::string publication;
  Oid publication_oid = 0;
  Lsn publication_seen;               ///< up to here it was certainly there (source/publication_watch.h); zero: not known
  Epoch epoch = 0;
  Lsn ack_intent;                     ///< never acknowledge beyond
  Lsn quiet_since;                    ///< the last transaction that luge received before it; zero: not known
  Checkpoint checkpoint;              ///< the destination's, at that intent
  std::string mirror_uuid;
  std::string destination;            ///< as given, without secrets
  std::string source;                 ///< host, port, database; no password
  std::string options_fingerprint;
  bool paused = false;                ///< by an operator, until `resume`
};

struct Lease {
  std::string pipeline;
  Fence fence = 0;
};

/// Small durable facts with compare-and-set by fence. Blocking; called outside the hot loop.
class StateStore {
 public:
  virtual ~StateStore() = default;
  /// Becomes the owner: fence + 1, durable when it returns. Every older lease is dead from then on.
  virtual Result<Lease> acquire(const std::string& pipeline) = 0;
  virtual Result<std::optional<StateRecord>> load(const std::string& pipeline) = 0;
  /// Durable when it returns. Refuses with "fenced" when the lease is not the newest, and with "regress" when epoch goes back
  /// or, within an epoch, ack_intent or the checkpoint do.
  virtual Status save(const Lease& lease, const StateRecord& record) = 0;
  virtual Status remove(const Lease& lease) = 0;
};

/// The pipeline's view: never blocks; the latest request wins over one that was not started yet.
class StateSink {
 public:
  virtual ~StateSink() = default;
  /// Asks for {ack_intent, quiet_since, checkpoint} to be stored. At most one is under way; false: busy, ask again later.
  virtual bool try_save(Lsn ack_intent, Lsn quiet_since, const Checkpoint& checkpoint) = 0;
  /// The answer to the save under way: the intent that is durable now.
  virtual std::optional<Result<Lsn>> try_take_saved() = 0;
};

}  // namespace luge
