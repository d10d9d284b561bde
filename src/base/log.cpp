#include "base/log.h"

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <spdlog/fmt/chrono.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include "base/log_component.h"
#include "base/log_level.h"
#include "base/printable_text.h"

namespace luge {

namespace {

struct Logger {
  LogFormat format = LogFormat::text;
  std::atomic<LogLevel> least{LogLevel::info};
  std::atomic<bool> by_component{false};  ///< else nobody looks into the map
  std::mutex mutex;                       ///< protects what follows
  std::map<std::string, LogLevel, std::less<>> of_component;
  std::shared_ptr<spdlog::logger> sink = std::make_shared<spdlog::logger>("luge", std::make_shared<spdlog::sinks::stderr_sink_mt>());
  Logger() {
    sink->set_level(spdlog::level::trace);  // which lines are written is decided here
    apply();
  }
  void apply() { sink->set_pattern(format == LogFormat::json ? "%v" : "%Y-%m-%dT%H:%M:%S.%eZ %-5l %v", spdlog::pattern_time_type::utc); }
};

Logger& logger() {
  static Logger instance;
  return instance;
}

spdlog::level::level_enum to_spdlog(LogLevel level) {
  switch (level) {
    case LogLevel::debug: return spdlog::level::debug;
    case LogLevel::info: return spdlog::level::info;
    case LogLevel::warn: return spdlog::level::warn;
    case LogLevel::error: return spdlog::level::err;
  }
  return spdlog::level::info;
}

void append_json_string(std::string& out, std::string_view text) {
  out += '"';
  for (char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (c == '\n') {
      out += "\\n";
    } else if (byte < 0x20) {
      fmt::format_to(std::back_inserter(out), "\\u{:04x}", byte);
    } else {
      out += c;
    }
  }
  out += '"';
}

thread_local std::string pipeline_of_thread;
thread_local std::string_view component_of_thread;

LogLevel least_here() {
  Logger& target = logger();
  if (target.by_component.load(std::memory_order_relaxed)) {
    const std::lock_guard lock(target.mutex);
    const auto found =
        pipeline_of_thread.empty() ? target.of_component.find(component_of_thread) : target.of_component.find("pipeline/" + pipeline_of_thread);
    if (found != target.of_component.end()) return found->second;
  }
  return target.least.load(std::memory_order_relaxed);
}

bool names_pipeline(std::initializer_list<LogField> fields) {
  for (const LogField& field : fields) {
    if (field.name == "pipeline") return true;
  }
  return false;
}

std::string json_line(LogLevel level, std::string_view event, std::string_view text, std::initializer_list<LogField> fields) {
  std::string line =
      fmt::format("{{\"time\":\"{:%Y-%m-%dT%H:%M:%SZ}\",\"level\":\"{}\",\"event\":", fmt::gmtime(std::time(nullptr)), to_string(level));
  append_json_string(line, event);
  line += ",\"text\":";
  append_json_string(line, text);
  if (!pipeline_of_thread.empty() && !names_pipeline(fields)) {
    line += ",\"pipeline\":";
    append_json_string(line, pipeline_of_thread);
  }
  for (const LogField& field : fields) {
    line += ',';
    append_json_string(line, field.name);
    line += ':';
    if (field.number) {
      line += field.value;
    } else {
      append_json_string(line, field.value);
    }
  }
  return line + "}";
}

std::string text_line(std::string_view event, std::string_view text, std::initializer_list<LogField> fields) {
  std::string line = fmt::format("{}: {}", event, text);
  if (!pipeline_of_thread.empty() && !names_pipeline(fields)) line += " pipeline=" + pipeline_of_thread;
  for (const LogField& field : fields) line += fmt::format(" {}={}", field.name, field.value);
  return printable_text(line);  // others' words are in it: names of tables, messages of servers
}

}  // namespace

LogScope::LogScope(std::string pipeline) : before_(std::exchange(pipeline_of_thread, std::move(pipeline))) {}
LogScope::~LogScope() { pipeline_of_thread = std::move(before_); }
const std::string& log_context() { return pipeline_of_thread; }

void configure_log(LogFormat format, LogLevel least) {
  logger().format = format;
  logger().apply();
  set_log_level(least);
}

LogLevel log_level() { return logger().least.load(std::memory_order_relaxed); }

void set_log_level(LogLevel least) { logger().least.store(least, std::memory_order_relaxed); }

LogComponent::LogComponent(std::string_view name) : before_(std::exchange(component_of_thread, name)) {}
LogComponent::~LogComponent() { component_of_thread = before_; }

void set_log_level(const std::string& component, std::optional<LogLevel> least) {
  Logger& target = logger();
  const std::lock_guard lock(target.mutex);
  if (least) {
    target.of_component.insert_or_assign(component, *least);
  } else {
    target.of_component.erase(component);
  }
  target.by_component.store(!target.of_component.empty(), std::memory_order_relaxed);
}

std::map<std::string, LogLevel> component_log_levels() {
  Logger& target = logger();
  const std::lock_guard lock(target.mutex);
  return {target.of_component.begin(), target.of_component.end()};
}

std::string_view to_string(LogLevel level) {
  switch (level) {
    case LogLevel::debug: return "debug";
    case LogLevel::info: return "info";
    case LogLevel::warn: return "warn";
    case LogLevel::error: return "error";
  }
  return "info";
}

std::optional<LogLevel> parse_log_level(std::string_view text) {
  for (const LogLevel level : {LogLevel::debug, LogLevel::info, LogLevel::warn, LogLevel::error}) {
    if (text == to_string(level)) return level;
  }
  return std::nullopt;
}

void log_event(LogLevel level, std::string_view event, std::string_view text, std::initializer_list<LogField> fields) {
  if (level < least_here()) return;
  Logger& target = logger();
  const auto spd_level = to_spdlog(level);
  target.sink->log(spd_level,
                   spdlog::string_view_t(target.format == LogFormat::json ? json_line(level, event, text, fields) : text_line(event, text, fields)));
  target.sink->flush();
}

}  // namespace luge
