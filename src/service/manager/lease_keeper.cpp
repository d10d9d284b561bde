#include "service/manager/lease_keeper.h"

#include <algorithm>
#include <utility>

#include "base/log.h"
#include "base/log_component.h"
#include "service/manager/lease_plan.h"

namespace luge {

namespace {
constexpr int kMarginShare = 10;  // a holder gives up this part of the time earlier than the store lets others in
constexpr int kLookShare = 3;     // one look takes and gives back for this part of the time at most: renewing must not wait
}  // namespace

LeaseKeeper::LeaseKeeper(PipelineLeases& leases, Options options, const Clock& clock, std::function<void()> changed)
    : leases_(leases), options_(std::move(options)), clock_(clock), changed_(std::move(changed)), thread_([this](const std::stop_token& stop) {
        run(stop);
      }) {}

LeaseKeeper::~LeaseKeeper() {
  thread_.request_stop();
  thread_.join();
}

void LeaseKeeper::set_pipelines(Pipelines pipelines) {
  {
    const std::lock_guard lock(mutex_);
    if (pipelines == pipelines_) return;
    pipelines_ = std::move(pipelines);
    look_now_ = true;
  }
  asked_.notify_one();
}

LeaseKeeper::Held LeaseKeeper::held() const {
  const std::lock_guard lock(mutex_);
  Held held = held_;
  if (alone_) return held;
  held.look_again = valid_until_;
  if (clock_.now() < valid_until_) return held;
  held.look_again = Instant{INT64_MAX};
  held.fences.clear();
  held.hand_over.clear();
  return held;
}

void LeaseKeeper::leave() {
  if (const Status left = leases_.leave(options_.owner); !left) {
    log_event(LogLevel::warn, "leases_kept", "the leases could not be given back; they expire", {{"code", left.error().code}});
  }
}

void LeaseKeeper::run(const std::stop_token& stop) {
  const LogComponent scope("manager");
  while (!stop.stop_requested()) {
    Pipelines pipelines;
    {
      const std::lock_guard lock(mutex_);
      pipelines = pipelines_;
      look_now_ = false;
    }
    if (look(pipelines)) changed_();
    std::unique_lock lock(mutex_);
    asked_.wait_for(lock, stop, options_.renew_interval, [this] { return look_now_; });
  }
}

bool LeaseKeeper::look(const Pipelines& pipelines) {
  const Instant before = clock_.now();
  auto view = leases_.renew(options_.owner, options_.time_to_live, pipelines.available);
  if (!view) {
    if (!failing_) log_event(LogLevel::warn, "leases_unreachable", view.error().what, {{"code", view.error().code}, {"hint", view.error().hint}});
    const bool news = !std::exchange(failing_, true);
    const std::lock_guard lock(mutex_);
    held_.trouble = view.error();
    return news || (!alone_ && clock_.now() >= valid_until_);
  }
  const bool again = std::exchange(failing_, false);
  if (again) log_event(LogLevel::info, "leases_reachable", "leases are renewed again");

  const LeasePlan plan = pipelines.available ? plan_leases(*view, pipelines.active, options_.owner) : LeasePlan{};
  const Instant enough = before + options_.time_to_live / kLookShare;
  bool unfinished = false;
  Held next;
  next.known = true;
  next.first = view->instances.empty() || view->instances.front() == options_.owner;
  for (const LeaseView::Entry& entry : view->leases) {
    const PipelineLease& lease = entry.lease;
    if (lease.owner != options_.owner) {
      (lease.owner.empty() || entry.expired ? next.free : next.elsewhere)[lease.pipeline] = lease.fence;
      continue;
    }
    const bool handed_over = std::ranges::find(plan.hand_over, lease.pipeline) != plan.hand_over.end();
    const bool wanted = pipelines.active.contains(lease.pipeline) && !handed_over;
    // What is handed over was announced first: the manager may be about to start it.
    const bool known_unwanted = !wanted && (!handed_over || held_.hand_over.contains(lease.pipeline));
    const bool give_back = known_unwanted && !pipelines.busy.contains(lease.pipeline);
    unfinished = unfinished || (give_back && clock_.now() >= enough);
    if (give_back && !unfinished && leases_.release(lease)) {
      next.free[lease.pipeline] = lease.fence;
      log_event(LogLevel::info, "lease_released", handed_over ? "another process is to run the pipeline" : "the pipeline does not run any more",
                {{"pipeline", lease.pipeline}});
      continue;
    }
    next.fences[lease.pipeline] = lease.fence;
    if (handed_over) next.hand_over.insert(lease.pipeline);
  }
  std::size_t room = plan.room;
  for (const std::string& name : plan.acquire) {
    if (room == 0) break;
    if (clock_.now() >= enough) {
      unfinished = true;
      break;
    }
    const auto taken = leases_.try_acquire(name, options_.owner, options_.time_to_live);
    if (!taken) break;  // the next look tries again
    if (!*taken) continue;
    --room;
    next.fences[name] = (*taken)->fence;
    next.free.erase(name);
    log_event(LogLevel::info, "lease_taken", "this process runs the pipeline", {{"pipeline", name}, {"fence", (*taken)->fence}});
  }

  const std::lock_guard lock(mutex_);
  const bool changed = again || !held_.known || next.fences != held_.fences || next.hand_over != held_.hand_over || next.first != held_.first ||
                       next.free != held_.free || next.elsewhere != held_.elsewhere || clock_.now() >= valid_until_;
  held_ = std::move(next);
  alone_ = view->instances.empty() || view->instances == std::vector<std::string>{options_.owner};
  valid_until_ = before + (options_.time_to_live - options_.time_to_live / kMarginShare);
  look_now_ = look_now_ || unfinished;
  return changed;
}

}  // namespace luge
