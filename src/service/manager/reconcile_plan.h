#pragma once
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "service/catalog/pipeline_spec.h"

namespace luge {

/// What the catalog's rows ask of one pipeline, and whether it is this process that has to do it.
struct WantedPipeline {
  enum class Wish : std::uint8_t { start, pause, invalid };
  /// The pipeline's row without those of its source and destination, as far as the spec does not tell whether somebody wrote it.
  struct OwnRow {
    std::int64_t version = 0;
    std::string options;            ///< as written: with references and encrypted
  };
  Wish wish = Wish::start;
  PipelineSpec written;             ///< what the rows say, with references to secrets
  PipelineSpec spec;                ///< of start: with its secrets
  std::optional<Error> error;       ///< of invalid: what is wrong with the rows
  std::optional<Error> unread;      ///< a secret cannot be read now; `spec` has what it was, if it ever could be read
  std::int64_t version = 0;         ///< grows whenever somebody writes one of its rows
  OwnRow own_row;
  bool held = false;                ///< this process has its lease
  bool hand_over = false;           ///< another process is to have it
};

/// A task as the plan sees it.
struct TaskView {
  const PipelineSpec* spec = nullptr;
  std::int64_t version = 0;         ///< of its rows when it was started
  bool held = true;                 ///< this process still has its lease
  bool draining = false;            ///< was asked to
  bool stopping = false;            ///< was asked to
  Instant drain_deadline;           ///< of a draining one
  bool ended = false;
  std::optional<Error> error;       ///< how it ended; nullopt: well
  Instant retry_at;                 ///< of an ended one: not before
};

struct TaskAction {
  enum class What : std::uint8_t {
    start,   ///< a new task, in the place of an ended one
    drain,
    stop,    ///< without draining
    forget,  ///< the ended task
  };
  What what = What::start;
  std::string pipeline;
  std::string reason;  ///< for people; without secrets and values

  friend bool operator==(const TaskAction&, const TaskAction&) = default;
};

struct ReconcilePlan {
  std::vector<TaskAction> actions;  ///< by name of the pipeline
  Instant next_look{INT64_MAX};     ///< when time alone changes the plan
};

/// What to do now, so that the running tasks become the wanted ones. Pure: no clock, no lock, no I/O. A changed pipeline is drained first and
/// started when it has ended; a failed one is started again after its backoff, one that waits for an operator (exit code 3) when a row of it is
/// written; whatever was asked to drain and does not by its deadline is stopped, and so is what lost its lease. `shutting_down`: nothing is wanted any more.
ReconcilePlan plan_reconciliation(const std::map<std::string, WantedPipeline>& wanted, const std::map<std::string, TaskView>& tasks, Instant now,
                                  bool shutting_down);

}  // namespace luge
