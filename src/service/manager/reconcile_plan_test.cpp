#include "service/manager/reconcile_plan.h"

#include <gtest/gtest.h>
#include <utility>

#include "base/random.h"

namespace luge {
namespace {

using What = TaskAction::What;
using Wish = WantedPipeline::Wish;

PipelineSpec spec(const std::string& tables = "public.*") {
  PipelineSpec made;
  made.name = "orders";
  made.tables = tables;
  return made;
}

WantedPipeline wanted(PipelineSpec of = spec()) {
  WantedPipeline pipeline;
  pipeline.spec = std::move(of);
  pipeline.version = 1;
  pipeline.held = true;
  return pipeline;
}

WantedPipeline paused() {
  WantedPipeline pipeline = wanted();
  pipeline.wish = Wish::pause;
  return pipeline;
}

const PipelineSpec kRunning = spec();

TaskView running() {
  TaskView task;
  task.spec = &kRunning;
  task.version = 1;
  return task;
}

TaskView draining(std::int64_t deadline) {
  TaskView task = running();
  task.draining = true;
  task.drain_deadline = Instant{deadline};
  return task;
}

TaskView failed(std::int64_t retry_at, Error error = make_error(Recovery::retry, "unreachable", "no answer")) {
  TaskView task = running();
  task.ended = true;
  task.error = std::move(error);
  task.retry_at = Instant{retry_at};
  return task;
}

/// For one pipeline.
ReconcilePlan plan(const std::optional<WantedPipeline>& pipeline, const std::optional<TaskView>& task, bool shutting_down = false) {
  std::map<std::string, WantedPipeline> all_wanted;
  std::map<std::string, TaskView> all_tasks;
  if (pipeline) all_wanted["orders"] = *pipeline;
  if (task) all_tasks["orders"] = *task;
  return plan_reconciliation(all_wanted, all_tasks, Instant{1000}, shutting_down);
}

std::string said(const ReconcilePlan& plan) {
  std::string text;
  for (const TaskAction& action : plan.actions) {
    const char* what = action.what == What::start ? "start" : action.what == What::drain ? "drain" : action.what == What::stop ? "stop" : "forget";
    text += std::string(text.empty() ? "" : "; ") + what + " " + action.pipeline + ": " + action.reason;
  }
  return text;
}

TEST(ReconcilePlan, StartsWhatIsWantedAndHeld) {
  EXPECT_EQ(said(plan(wanted(), std::nullopt)), "start orders: desired is START");
  WantedPipeline elsewhere = wanted();
  elsewhere.held = false;
  EXPECT_EQ(said(plan(elsewhere, std::nullopt)), "");
  WantedPipeline handed_over = wanted();
  handed_over.hand_over = true;
  EXPECT_EQ(said(plan(handed_over, std::nullopt)), "");
  EXPECT_EQ(said(plan(paused(), std::nullopt)), "");
  EXPECT_EQ(said(plan(std::nullopt, std::nullopt)), "");
  EXPECT_EQ(said(plan(wanted(), std::nullopt, true)), "");
}

TEST(ReconcilePlan, LeavesARunningTaskAlone) {
  const ReconcilePlan nothing = plan(wanted(), running());
  EXPECT_EQ(said(nothing), "");
  EXPECT_EQ(nothing.next_look, Instant{INT64_MAX});
  WantedPipeline touched = wanted();
  touched.version = 9;
  EXPECT_EQ(said(plan(touched, running())), "") << "written again without a change";
}

TEST(ReconcilePlan, DrainsWhatIsNotWantedAndSaysWhy) {
  EXPECT_EQ(said(plan(paused(), running())), "drain orders: desired is PAUSE");
  EXPECT_EQ(said(plan(std::nullopt, running())), "drain orders: its row was removed");
  EXPECT_EQ(said(plan(wanted(), running(), true)), "drain orders: luge stops");
  WantedPipeline invalid = wanted();
  invalid.wish = Wish::invalid;
  invalid.error = fatal("unknown_source", "there is no source 'x'");
  EXPECT_EQ(said(plan(invalid, running())), "drain orders: there is no source 'x'");
  WantedPipeline handed_over = wanted();
  handed_over.hand_over = true;
  EXPECT_EQ(said(plan(handed_over, running())), "drain orders: it is handed over to another process");
}

TEST(ReconcilePlan, AChangedPipelineIsDrainedAndThenStarted) {
  const WantedPipeline changed = wanted(spec("sales.*"));
  EXPECT_EQ(said(plan(changed, running())), "drain orders: changed: tables");
  EXPECT_EQ(said(plan(changed, draining(5000))), "");
  TaskView ended = draining(5000);
  ended.ended = true;
  EXPECT_EQ(said(plan(changed, ended)), "start orders: changed: tables");
  // Changed back meanwhile: it was asked to drain, so it must be started again.
  EXPECT_EQ(said(plan(wanted(), ended)), "start orders: wanted again");
}

TEST(ReconcilePlan, WhatDoesNotDrainInTimeIsStoppedOnce) {
  const ReconcilePlan waiting = plan(paused(), draining(5000));
  EXPECT_EQ(said(waiting), "");
  EXPECT_EQ(waiting.next_look, Instant{5000});
  EXPECT_EQ(said(plan(paused(), draining(1000))), "stop orders: it did not drain in time");
  TaskView stopping = draining(1000);
  stopping.stopping = true;
  EXPECT_EQ(said(plan(paused(), stopping)), "");
  EXPECT_EQ(said(plan(wanted(), draining(1000), true)), "stop orders: it did not drain in time");
}

TEST(ReconcilePlan, WithoutItsLeaseATaskIsStoppedAtOnce) {
  TaskView lost = running();
  lost.held = false;
  WantedPipeline elsewhere = wanted();
  elsewhere.held = false;
  EXPECT_EQ(said(plan(elsewhere, lost)), "stop orders: its lease was lost");
  EXPECT_EQ(said(plan(std::nullopt, lost)), "stop orders: its lease was lost");
  lost.draining = true;
  lost.drain_deadline = Instant{5000};
  EXPECT_EQ(said(plan(elsewhere, lost)), "stop orders: its lease was lost");
  lost.ended = true;
  EXPECT_EQ(said(plan(elsewhere, lost)), "forget orders: this process has no lease of it");
}

TEST(ReconcilePlan, AFailedTaskIsStartedAgainAfterItsBackoff) {
  const ReconcilePlan waiting = plan(wanted(), failed(4000));
  EXPECT_EQ(said(waiting), "");
  EXPECT_EQ(waiting.next_look, Instant{4000});
  EXPECT_EQ(said(plan(wanted(), failed(1000))), "start orders: again after an error: unreachable");
  EXPECT_EQ(said(plan(wanted(spec("sales.*")), failed(4000))), "start orders: changed: tables");
  EXPECT_EQ(said(plan(paused(), failed(4000))), "forget orders: desired is PAUSE");
  EXPECT_EQ(said(plan(std::nullopt, failed(4000))), "forget orders: its row was removed");
  EXPECT_EQ(said(plan(wanted(), failed(1000), true)), "forget orders: luge stops");
}

TEST(ReconcilePlan, WhatWaitsForAnOperatorIsTriedWhenItsRowIsWritten) {
  const TaskView gap = failed(0, needs_operator("gap", "changes are missing"));
  const ReconcilePlan waiting = plan(wanted(), gap);
  EXPECT_EQ(said(waiting), "");
  EXPECT_EQ(waiting.next_look, Instant{INT64_MAX});
  WantedPipeline touched = wanted();
  touched.version = 2;
  EXPECT_EQ(said(plan(touched, gap)), "start orders: its row was written again");
}

TEST(ReconcilePlan, WhatEndsByItselfIsStartedAgain) {
  TaskView ended = running();
  ended.ended = true;
  ended.retry_at = Instant{900};
  EXPECT_EQ(said(plan(wanted(), ended)), "start orders: it ended by itself");
}

TEST(ReconcilePlan, ManyAreEachDecidedForThemselves) {
  std::map<std::string, WantedPipeline> pipelines;
  std::map<std::string, TaskView> tasks;
  pipelines["a"] = wanted();
  pipelines["b"] = paused();
  tasks["b"] = running();
  pipelines["c"] = wanted();
  tasks["c"] = failed(7000);
  pipelines["d"] = wanted();
  tasks["d"] = running();
  tasks["e"] = draining(6000);
  const ReconcilePlan all = plan_reconciliation(pipelines, tasks, Instant{1000}, false);
  EXPECT_EQ(said(all), "start a: desired is START; drain b: desired is PAUSE");
  EXPECT_EQ(all.next_look, Instant{6000});
}

/// A manager of one pipeline, without threads: what happens to rows, lease and task is drawn, the plan is carried out.
struct Model {
  explicit Model(std::uint64_t seed) : random(seed) {}
  SeededRandom random;
  std::optional<WantedPipeline> row;
  std::optional<TaskView> task;
  PipelineSpec running_spec;
  std::int64_t version = 0;
  bool held = false;
  Instant now{1000};

  void disturb() {
    switch (random.below(9)) {
      case 0: row.reset(); break;
      case 1: row = paused(); break;
      case 2: row = wanted(spec(random.chance(1, 2) ? "public.*" : "sales.*")); break;
      case 3: held = !held; break;
      case 4:
        if (task && !task->ended) end(make_error(Recovery::retry, "unreachable", ""));
        break;
      case 5:
        if (task && !task->ended) end(needs_operator("gap", ""));
        break;
      case 6:
        if (row) row->hand_over = !row->hand_over;
        break;
      default: now = now + Duration(static_cast<std::int64_t>(random.below(500))); break;
    }
    if (row) row->version = ++version;
  }
  void end(std::optional<Error> error) {
    task->ended = true;
    task->error = std::move(error);
    task->retry_at = now + Duration(100);
  }
  /// A task that was asked to end does, sooner or later.
  void work() {
    if (task && !task->ended && (task->stopping || (task->draining && random.chance(1, 3)))) end(std::nullopt);
  }
  ReconcilePlan look() {
    if (row) row->held = held;
    if (task) task->held = held;
    if (task) task->spec = &running_spec;
    ReconcilePlan made =
        plan_reconciliation(row ? std::map<std::string, WantedPipeline>{{"orders", *row}} : std::map<std::string, WantedPipeline>{},
                            task ? std::map<std::string, TaskView>{{"orders", *task}} : std::map<std::string, TaskView>{}, now, false);
    for (const TaskAction& action : made.actions) carry_out(action);
    return made;
  }
  void carry_out(const TaskAction& action) {
    switch (action.what) {
      case What::start:
        EXPECT_TRUE(row && row->held && row->wish == Wish::start && !row->hand_over);
        EXPECT_TRUE(!task || task->ended) << "two at once";
        running_spec = row->spec;
        task = TaskView{};
        task->version = row->version;
        break;
      case What::drain:
        ASSERT_TRUE(task && !task->ended && !task->draining);
        task->draining = true;
        task->drain_deadline = now + Duration(1000);
        break;
      case What::stop:
        ASSERT_TRUE(task && !task->ended && !task->stopping);
        task->stopping = true;
        break;
      case What::forget:
        ASSERT_TRUE(task && task->ended);
        task.reset();
        break;
    }
  }
  /// Nothing happens any more but time.
  bool settles() {
    for (int step = 0; step < 200; ++step) {
      const ReconcilePlan made = look();
      work();
      if (made.actions.empty() && made.next_look == Instant{INT64_MAX} && !(task && !task->ended && (task->draining || task->stopping))) return true;
      now = now + Duration(50);
    }
    return false;
  }
};

TEST(ReconcilePlan, WhateverHappensItSettlesOnWhatIsWanted) {
  for (std::uint64_t seed = 0; seed < 2000; ++seed) {
    Model model(seed);
    for (int step = 0; step < 60; ++step) {
      model.disturb();
      model.work();
      model.look();
    }
    ASSERT_TRUE(model.settles()) << "seed " << seed;
    const bool must_run = model.row && model.row->wish == Wish::start && model.held && !model.row->hand_over;
    const bool runs = model.task && !model.task->ended;
    const bool waits = model.task && model.task->ended && model.task->error && model.task->error->exit_code == ExitCode::operator_decision;
    EXPECT_EQ(runs || waits, must_run) << "seed " << seed;
    if (runs) {
      EXPECT_EQ(model.running_spec, model.row->spec) << "seed " << seed;
    }
  }
}

}  // namespace
}  // namespace luge
