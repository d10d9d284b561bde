#include "app/offline_mirror.h"

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <thread>

#include "app/destination_registry.h"

namespace luge {

namespace {

constexpr auto kAnswerTimeout = std::chrono::minutes(1);

Error no_mirror(const PipelinePlaces& places) {
  const std::string& missing = places.destination.path.empty() ? places.state : places.destination.path;
  return fatal("no_mirror", "luge has not run there yet: there is nothing in " + missing,
               "start it with luge run --to " + places.destination.text() + " --source …");
}

/// Returns when the batch is durable.
Status commit(Destination& destination, Batch batch) {
  if (!destination.pipelined()) {
    TRY([[maybe_unused]] const Frontier frontier, destination.apply(std::move(batch)));
    return ok();
  }
  CHECK_OK(destination.submit(std::move(batch)));
  const auto deadline = std::chrono::steady_clock::now() + kAnswerTimeout;
  while (true) {
    TRY(const auto frontier, destination.poll());
    if (frontier) return ok();
    if (std::chrono::steady_clock::now() > deadline)
      return make_error(Recovery::retry, "timeout", "the destination did not answer in time; nothing is lost", "try again");
    std::this_thread::sleep_for(Destination::kPollInterval);
  }
}

}  // namespace

Result<std::unique_ptr<OfflineMirror>> OfflineMirror::open(const Options& options, const PipelinePlaces& places) {
  std::error_code ignored;
  const std::string& path = places.destination.path;
  if (path.empty() ? !may_have_state(places) : !std::filesystem::exists(path, ignored)) return no_mirror(places);
  CHECK_OK(make_private_directory(places.directory));
  TRY(InstanceLock lock, InstanceLock::acquire(places.lock));
  std::unique_ptr<OfflineMirror> mirror(new OfflineMirror(std::move(lock)));
  TRY(mirror->opened_, open_state(places));
  TRY(mirror->state_, mirror->opened_.store->load(options.pipeline));
  if (path.empty() && places.redis && !mirror->state_) return no_mirror(places);
  TRY(mirror->destination_, make_destination(places, options, *mirror->opened_.ledger));
  TRY(const Lease lease, mirror->opened_.store->acquire(options.pipeline));
  OpenRequest request;
  request.pipeline = options.pipeline;
  request.fence = lease.fence;
  request.expected_uuid = mirror->state_ ? mirror->state_->mirror_uuid : "";
  request.source_description = mirror->state_ ? mirror->state_->source : "";
  auto frontier = mirror->destination_->open(request);
  if (!frontier && frontier.error().code == "mode") {
    request.log_mode = mirror->log_mode_ = true;
    frontier = mirror->destination_->open(request);
  }
  if (!frontier) return frontier.error();
  mirror->frontier_ = std::move(*frontier);
  return mirror;
}

OfflineMirror::~OfflineMirror() {
  if (!destination_) return;
  const Status closed = destination_->close();  // what was written is durable already
  static_cast<void>(closed.has_value());
}

Status OfflineMirror::resync(const std::vector<TableName>& tables) {
  Batch batch;
  batch.checkpoint = frontier_.checkpoint;
  for (TableRecord& table : frontier_.tables) {
    if (table.state == TableState::dropped || std::ranges::find(tables, table.name) == tables.end()) continue;
    table.begin_again();
    SetTable set{table};
    set.record.schema = nullptr;  // the destination keeps the shape it has
    batch.ops.emplace_back(std::move(set));
  }
  return commit(*destination_, std::move(batch));
}

}  // namespace luge
