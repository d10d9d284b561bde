#pragma once
#include <optional>
#include <string>
#include <vector>

#include "app/check.h"
#include "app/options.h"
#include "app/pipeline_places.h"
#include "app/server_checks.h"
#include "app/table_selection.h"
#include "model/catalog_table.h"
#include "postgres/connection_options.h"
#include "state/state_store.h"

namespace luge {

/// What `run`, `plan` and `doctor` know before anything is created.
struct Preflight {
  std::vector<Check> checks;
  std::vector<CatalogTable> tables;    ///< that would be followed
  ServerFacts server;
  std::string source;                  ///< "user@host:port/database"
  std::string slot;                    ///< of the slot, and of the publication
  bool slot_exists = false;
  bool publication_exists = false;
  std::optional<StateRecord> state;    ///< of an earlier run
  bool mirror_adopted = false;         ///< the state is missing; what the mirror holds decides
  std::optional<Error> gap;            ///< what stops it: slot, publication or history are not what the state knows
  bool repairs = false;                ///< such a gap, by copying again (--on-gap resync)

  ExitCode exit_code() const { return exit_code_of(checks); }
};

struct PreflightRequest {
  const Options& options;
  const PipelinePlaces& places;
  const TableSelection& selection;
  const ConnectionOptions& source;
};

/// Asks source, destination and state; reads only. Goes on after a failed check where the next ones still make sense.
Preflight examine(const PreflightRequest& request);

}  // namespace luge
