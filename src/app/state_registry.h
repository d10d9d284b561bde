#pragma once
#include <memory>

#include "app/pipeline_places.h"
#include "base/result.h"
#include "model/ledger_store.h"
#include "state/state_store.h"

namespace luge {

/// luge's state of a pipeline with the ledger beside it: one object under two names.
struct OpenedState {
  std::shared_ptr<StateStore> store;
  std::shared_ptr<LedgerStore> ledger;
};

/// The one place that names concrete state stores. Creates the file that is missing. Errors: the store's.
Result<OpenedState> open_state(const PipelinePlaces& places);
/// For verbs that must leave nothing behind: error "state_missing" if there is no file. A Redis is there or not reachable.
Result<OpenedState> open_existing_state(const PipelinePlaces& places);
/// False: certainly nothing is stored there.
bool may_have_state(const PipelinePlaces& places);

}  // namespace luge
