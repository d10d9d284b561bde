#pragma once
#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

namespace luge {

enum class LogLevel : std::uint8_t { debug, info, warn, error };
enum class LogFormat : std::uint8_t { text, json };

/// One field of a log line. Fields are names, LSNs, counts and durations, never row values.
struct LogField {
  std::string_view name;
  std::string value;
  bool number = false;
  LogField(std::string_view field_name, std::string_view text) : name(field_name), value(text) {}
  LogField(std::string_view field_name, const char* text) : name(field_name), value(text) {}
  LogField(std::string_view field_name, const std::string& text) : name(field_name), value(text) {}
  LogField(std::string_view field_name, std::uint64_t n) : name(field_name), value(std::to_string(n)), number(true) {}
  LogField(std::string_view field_name, std::int64_t n) : name(field_name), value(std::to_string(n)), number(true) {}
  LogField(std::string_view field_name, int n) : name(field_name), value(std::to_string(n)), number(true) {}
  LogField(std::string_view field_name, unsigned n) : name(field_name), value(std::to_string(n)), number(true) {}
  LogField(std::string_view field_name, double n) : name(field_name), value(std::to_string(n)), number(true) {}
};

/// Chooses format and least level; lines go to stderr. Call once, before threads start. Default: text, info.
void configure_log(LogFormat format, LogLevel least);

/// While it lives, lines of this thread name this pipeline: of a process that runs many.
class LogScope {
 public:
  explicit LogScope(std::string pipeline);
  ~LogScope();
  LogScope(const LogScope&) = delete;
  LogScope& operator=(const LogScope&) = delete;

 private:
  std::string before_;
};
/// The pipeline that this thread's lines name; "": none.
const std::string& log_context();
/// The body of a new thread whose lines shall name the same pipeline as those of the thread that makes it.
template <class Body>
class InLogContext {
 public:
  explicit InLogContext(Body body) : context_(log_context()), body_(std::move(body)) {}
  template <class... Args>
    requires std::invocable<Body&, Args...>
  void operator()(Args&&... args) {
    const LogScope scope(context_);
    body_(std::forward<Args>(args)...);
  }

 private:
  std::string context_;
  Body body_;
};

/// Writes one line: `event` is a stable word of the vocabulary ("batch_durable"), `text` is for people.
/// Thread-safe; never blocks on anything but stderr.
void log_event(LogLevel level, std::string_view event, std::string_view text, std::initializer_list<LogField> fields = {});

}  // namespace luge
