#pragma once
#include <cstdint>
#include <string>
#include <string_view>

namespace luge {

/// What the caller must do about an error. Decided once, where the error enters luge, by code and never by message text.
enum class Recovery : std::uint8_t {
  retry,             ///< transient: the same call may succeed after a backoff
  reconnect,         ///< the session is gone: reconnect, run the gap test, go on
  quarantine_table,  ///< one table cannot go on; the others can
  stop_pipeline,     ///< nothing in this pipeline may go on without an operator
};

/// For failed writes: whether the destination holds the data.
enum class WriteState : std::uint8_t {
  not_applied,  ///< surely absent: the same data may be written again
  applied,      ///< surely present
  unknown,      ///< ask the destination where it is before anything else
};

/// Which exit code an error ends the process with (design.md §4).
enum class ExitCode : std::uint8_t {
  done = 0,
  failed = 1,
  usage = 2,
  operator_decision = 3,  ///< gap, identity, quarantine
  difference = 4,         ///< verification found a difference
};

/// An error as a value. Never carries a row value.
struct Error {
  Recovery recovery = Recovery::stop_pipeline;
  WriteState write_state = WriteState::not_applied;
  ExitCode exit_code = ExitCode::failed;
  std::string code;  ///< SQLSTATE, or a short stable word such as "gap" or "disk_full"
  std::string what;  ///< what happened and why; names table and LSN where there is one
  std::string hint;  ///< the command or setting that helps; may be empty

  /// "what (code). hint"
  std::string message() const;
};

Error make_error(Recovery recovery, std::string_view code, std::string what, std::string hint = {});

/// The usual fatal one.
Error fatal(std::string_view code, std::string what, std::string hint = {});

/// Stops for an operator's decision: exit code 3.
Error needs_operator(std::string_view code, std::string what, std::string hint = {});

std::string_view to_string(Recovery recovery);

/// The same may succeed later, and nobody has to do anything for it.
bool heals_by_time(const Error& error);

}  // namespace luge
