#include <chrono>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <thread>

#include "app/control_socket.h"
#include "app/instance_lock.h"
#include "app/last_run.h"
#include "app/pipeline_places.h"
#include "app/reach.h"
#include "app/state_registry.h"
#include "app/verbs.h"
#include "postgres/connection.h"
#include "postgres/sqlstate.h"
#include "source/publication.h"
#include "source/slot.h"

namespace luge {

namespace {

constexpr auto kSlotPatience = std::chrono::seconds(10);

/// The session of a luge that has just ended may hold the slot for a moment.
Result<bool> drop_slot_patiently(Connection& sql, const std::string& slot) {
  const auto deadline = std::chrono::steady_clock::now() + kSlotPatience;
  while (true) {
    auto dropped = drop_slot(sql, slot);
    if (dropped || dropped.error().code != sqlstate::kObjectInUse || std::chrono::steady_clock::now() > deadline) return dropped;
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
  }
}

}  // namespace

Result<ExitCode> drop_verb(const Options& options, const Environment& environment) {
  TRY(const PipelinePlaces places, find_places(options, environment));
  TRY(const auto running, ControlClient::connect(places.socket));
  if (running) return fatal("running", "luge runs for " + places.destination.text(), "end it first (SIGTERM), then drop");

  std::optional<InstanceLock> lock;
  std::shared_ptr<StateStore> store;
  std::optional<StateRecord> record;
  if (auto opened = open_existing_state(places)) {
    CHECK_OK(make_private_directory(places.directory));
    TRY(lock, InstanceLock::acquire(places.lock));
    store = opened->store;
    TRY(record, store->load(options.pipeline));
  } else if (opened.error().code != "state_missing") {
    return opened.error();
  }

  TRY(const ConnectionOptions source, find_source(options, record));
  TRY(Connection sql, Connection::open(source));
  const std::string name = default_slot_name(options.pipeline);
  TRY(const bool slot_dropped, drop_slot_patiently(sql, name));
  TRY(const auto publication_there, read_publication(sql, name));
  const bool publication_dropped = publication_there && publication_there->made_by_luge;
  if (publication_dropped) CHECK_OK(drop_publication(sql, name));
  if (store && record) {
    TRY(const Lease lease, store->acquire(options.pipeline));
    CHECK_OK(store->remove(lease));
  }
  forget_last_run(places.directory);

  const std::string publication = publication_dropped ? "dropped" : publication_there ? "kept" : "none";
  if (options.json) {
    const nlohmann::ordered_json document{{"pipeline", options.pipeline},
                                          {"slot", slot_dropped ? "dropped" : "none"},
                                          {"publication", publication},
                                          {"state", record ? "removed" : "none"}};
    std::printf("%s\n", document.dump().c_str());
    return ExitCode::done;
  }
  std::printf("replication slot %s: %s\n", name.c_str(), slot_dropped ? "dropped" : "there was none");
  std::printf("publication %s: %s\n", name.c_str(),
              publication_dropped ? "dropped"
              : publication_there ? "kept, luge did not make it"
                                  : "there was none");
  std::printf("state: %s\n", record ? "removed" : "there was none");
  std::printf("the mirror %s stays as it is\n", places.destination.text().c_str());
  return ExitCode::done;
}

}  // namespace luge
