#pragma once
#include <optional>
#include <string>

#include "service/status_document.h"

namespace luge {

/// What the last `run` was asked for and why it stopped, kept beside the state for the verbs that come when nobody runs.
struct LastRun {
  std::optional<std::string> tables;  ///< its --tables, "" for all; nullopt: nobody knows
  std::optional<StatusDocument::Problem> error;
};

LastRun load_last_run(const std::string& directory);
/// A run begins: how the one before it ended is forgotten.
void note_run(const std::string& directory, const std::string& tables);
void note_end(const std::string& directory, const Error& error);
void forget_last_run(const std::string& directory);

}  // namespace luge
