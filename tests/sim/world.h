#pragma once
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "sim/faults.h"
#include "sim/luge_instance.h"
#include "sim/oracle.h"
#include "sim/workload.h"

namespace luge {

/// One seed: a server with writers, one or more instances of luge, a destination, a state store, troubles, and the oracle that
/// watches. One thread; virtual time; everything that happens follows from the seed.
class World {
 public:
  World(std::uint64_t seed, bool trace, Marks& marks, const std::string& spool_directory);

  /// Runs until everything has converged, or an invariant is broken.
  std::optional<Oracle::Failure> run();
  std::uint64_t transactions() const { return workload_.transactions(); }
  /// Those that took effect: a fault that met nobody is none.
  std::uint64_t faults() const { return around_.faults_felt; }

 private:
  static PostgresOptions postgres_options(Dice& dice);
  PipelineOptions pipeline_options(const std::string& spool_directory);

  void live();
  void advance_to(Instant limit);
  void run_actors();
  void inject(Fault fault);
  /// False: it has no effect, or none yet: the port that it waits in counts it then.
  bool strike(Fault fault);
  bool restore_server();
  /// Nothing but the server's position tells that it went back.
  bool only_the_position_tells() const;
  /// Nobody has the files open while they are replaced.
  void stop_everybody();
  void tend();
  bool converged();

  LugeInstance& luge() { return *instances_.back(); }
  void start_instance();
  /// False: it was not running.
  bool kill_luge();
  /// False: nobody was connected.
  bool cut_all();

  Instant now_{0};
  Dice dice_;
  Trace trace_;
  Marks& marks_;
  SimPostgres server_;
  SimDestination destination_;
  SimStateStore state_;
  Oracle oracle_;
  Workload workload_;
  Duration span_;
  std::vector<PlannedFault> plan_;
  std::size_t next_fault_ = 0;
  Surroundings around_;
  std::deque<std::unique_ptr<LugeInstance>> instances_;  ///< the last one is the owner; earlier ones are dead or zombies
  struct Orphan {
    Instant at;
    LugeInstance::Orphan what;
  };
  std::vector<Orphan> orphans_;
  std::deque<MirrorStore> old_mirrors_;
  std::deque<StateRecord> old_states_;
  Instant next_backup_;
  Instant next_tending_;
  Instant next_look_;
  Instant down_until_;   ///< nobody starts luge again before
  bool calm_ = false;
  bool cuts_at_copies_;          ///< this seed loses connections just when copies end
  std::uint64_t copies_seen_;
  Instant cut_at_{INT64_MAX};
  bool loses_state_at_slots_;    ///< this seed loses the state just when a slot was made, the first or one after a gap
  std::uint64_t slots_seen_;
  Instant lose_state_at_{INT64_MAX};
};

}  // namespace luge
