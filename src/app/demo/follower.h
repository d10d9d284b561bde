#pragma once
#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "app/control_message.h"
#include "app/demo/child.h"
#include "app/pipeline_places.h"
#include "app/verify/verify_report.h"
#include "base/result.h"
#include "service/status_document.h"

namespace luge {

/// `luge run` as a child process, asked over its control socket: what a user has, seen from outside.
class Follower {
 public:
  struct Command {
    std::vector<std::string> environment;  ///< NAME=value, besides this process's own
    std::vector<std::string> words;        ///< after `luge`
  };
  /// Starts this very program again. `directory` takes luge.log, and the mirror if it is a file.
  static Result<Follower> start(const Command& command, const PipelinePlaces& places, const std::string& directory);

  pid_t pid() const { return child_.pid(); }
  Result<StatusDocument> status() const;
  /// The first cell of a query's answer.
  Result<std::string> ask(const std::string& sql) const;
  Result<VerifyReport> verify() const;
  /// kill -9.
  void kill();
  /// SIGTERM; true: it drained and exited 0.
  bool stop();
  /// Waits until it ends by itself; true: with exit code 0.
  bool finish(std::chrono::seconds patience);
  /// True while the process runs.
  bool alive();

 private:
  Follower(Child child, PipelinePlaces places) : child_(std::move(child)), places_(std::move(places)) {}
  Result<std::string> call(const ControlRequest& request, const std::function<bool(const std::string&)>& on_line = {}) const;
  Child child_;
  PipelinePlaces places_;
  std::optional<int> ended_;
};

}  // namespace luge
