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
    bool resume = false;
    {
      const std::lock_guard lock(mutex_);
      if (end_requested_) return ok();
      task_ = made_task;
      resume = resume_requested_;
    }
    if (resume) made_task->request_resume();
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

void TaskRunner::request_resume() {
  std::shared_ptr<PipelineTask> running;
  {
    const std::lock_guard lock(mutex_);
    running = task_;
    if (!running) resume_requested_ = true;
  }
  if (running) running->request_resume();
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
