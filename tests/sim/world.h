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
  std::size_t faults() const { return faults_injected_; }

 private:
  static PostgresOptions postgres_options(Dice& dice);
  PipelineOptions pipeline_options(const std::string& spool_directory);

  void advance_to(Instant limit);
  void run_actors();
  void inject(Fault fault);
  void tend();
  bool converged();

  LugeInstance& luge() { return *instances_.back(); }
  void start_instance();
  void kill_luge();
  void cut_all();

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
  std::size_t faults_injected_ = 0;
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
  bool calm_ = false;
  bool cuts_at_copies_;          ///< this seed loses connections just when copies end
  std::uint64_t copies_seen_;
  Instant cut_at_{INT64_MAX};
};

}  // namespace luge
