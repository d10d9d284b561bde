#include "service/manager/task_runner.h"

#include <exception>
#include <typeinfo>
#include <utility>

namespace luge {

TaskRunner::TaskRunner(PipelineSpec spec, TaskFactory factory, std::function<void()> ended, std::function<void()> changed)
    : spec_(std::move(spec)), factory_(std::move(factory)), ended_(std::move(ended)), changed_(std::move(changed)), thread_([this] { run(); }) {}

TaskRunner::~TaskRunner() {
  request_stop();
  thread_.join();
}

std::shared_ptr<PipelineTask> TaskRunner::task() const {
  const std::lock_guard lock(mutex_);
  return task_;
}

void TaskRunner::run() {
  Status outcome = run_task();
  auto finished = task();
  TaskStatus last = finished ? finished->status() : TaskStatus{};
  last.state = outcome ? "stopped" : "failed";
  if (!outcome) last.error = outcome.error();
  {
    const std::lock_guard lock(mutex_);
    last_ = std::move(last);
    task_.reset();
  }
  finished.reset();  // what it holds is free before anybody hears that it has ended
  {
    const std::lock_guard lock(mutex_);
    outcome_ = std::move(outcome);
  }
  ended_();
}

Status TaskRunner::run_task() {
  // luge's own code does not throw, but libraries do, and one pipeline's bad luck must not end the others.
  try {
    TRY(auto made, factory_(spec_));
    const std::shared_ptr<PipelineTask> made_task(std::move(made));
    made_task->on_state_change(changed_);
    {
      const std::lock_guard lock(mutex_);
      if (end_requested_) return ok();
      task_ = made_task;
    }
    changed_();
    return made_task->run();
  } catch (const std::exception& thrown) {
    return make_error(Recovery::retry, "crashed",
                      std::string("the pipeline ended by an exception of type ") + typeid(thrown).name(),  // its text may hold a value
                      "nothing is lost; it is started again");
  } catch (...) {
    return make_error(Recovery::retry, "crashed", "the pipeline ended by an exception of an unknown kind", "nothing is lost; it is started again");
  }
}

void TaskRunner::request_drain() {
  {
    const std::lock_guard lock(mutex_);
    end_requested_ = true;
  }
  if (const auto running = task()) running->request_drain();
}

void TaskRunner::request_stop() {
  {
    const std::lock_guard lock(mutex_);
    end_requested_ = true;
  }
  if (const auto running = task()) running->request_stop();
}

Status TaskRunner::pause(bool paused) {
  if (const auto running = task()) return running->pause(paused);
  return make_error(Recovery::retry, "not_running", "the pipeline " + spec_.name + " does not run now", "try again in a moment");
}

TaskStatus TaskRunner::status() const {
  if (const auto running = task()) return running->status();
  const std::lock_guard lock(mutex_);
  return last_;
}

std::optional<Status> TaskRunner::outcome() const {
  const std::lock_guard lock(mutex_);
  return outcome_;
}

}  // namespace luge
