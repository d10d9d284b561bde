#include "app/offline_mirror.h"

#include <filesystem>

#include "app/destination_registry.h"

namespace luge {

Result<std::unique_ptr<OfflineMirror>> OfflineMirror::open(const Options& options, const PipelinePlaces& places) {
  std::error_code ignored;
  const std::string& path = places.destination.path.empty() ? places.state_path : places.destination.path;
  if (!std::filesystem::exists(path, ignored)) {
    return fatal("no_mirror", "luge has not run there yet: there is no " + path,
                 "start it with luge run --to " + places.destination.text() + " --source …");
  }
  CHECK_OK(make_private_directory(places.directory));
  TRY(InstanceLock lock, InstanceLock::acquire(places.lock));
  std::unique_ptr<OfflineMirror> mirror(new OfflineMirror(std::move(lock)));
  TRY(mirror->store_, SqliteStateStore::open(places.state_path));
  TRY(mirror->state_, mirror->store_->load(options.pipeline));
  TRY(mirror->destination_, make_destination(places, options, *mirror->store_));
  TRY(const Lease lease, mirror->store_->acquire(options.pipeline));
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
  const Status closed = destination_->close();  // nothing was written that could be lost
  static_cast<void>(closed.has_value());
}

}  // namespace luge
