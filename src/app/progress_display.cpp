#include "app/progress_display.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <condition_variable>
#include <cstdio>
#include <fmt/format.h>
#include <mutex>

#include "app/option_value.h"
#include "app/status_text.h"
#include "base/log.h"

namespace luge {

namespace {

constexpr auto kInterval = std::chrono::milliseconds(250);
constexpr int kRoundsPerLogLine = 120;  // half a minute
constexpr std::size_t kMostBars = 8;
constexpr std::size_t kBarWidth = 24;

bool is_copying(const StatusDocument::Table& table) { return table.copy.has_value() || table.state == "waiting" || table.state == "copying"; }

std::string copy_line(const StatusDocument::Table& table) {
  const std::string name = to_string(TableName{table.schema, table.name});
  if (!table.copy || table.copy->phase != "copying") return fmt::format("  {:<32} {}", name, table.copy ? table.copy->phase : "waiting");
  const auto share = table.copy->share();
  const std::string percent = share ? fmt::format("{:>3.0f} %", std::floor(*share * 100)) : "  ? %";
  return fmt::format("  {:<32} {} {}  {}", name, progress_bar(share.value_or(0), kBarWidth), percent, copy_progress_text(*table.copy));
}

void log_copy(const StatusDocument::Table& table) {
  const StatusDocument::Copy& copy = *table.copy;
  const std::string name = to_string(TableName{table.schema, table.name});
  if (copy.phase != "copying") return log_event(LogLevel::info, "copy_progress", copy.phase, {{"table", name}});
  const auto left = copy.seconds_left();
  log_event(LogLevel::info, "copy_progress", copy_progress_text(copy),
            {{"table", name},
             {"rows", copy.rows},
             {"estimated_rows", copy.estimated_rows},
             {"rows_per_second", copy.rows_per_second()},
             {"seconds_left", left ? fmt::format("{:.0f}", *left) : ""}});
}

}  // namespace

std::string progress_bar(double share, std::size_t width) {
  constexpr std::array<std::string_view, 8> kEighths{"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
  const auto eighths = static_cast<std::size_t>(std::clamp(share, 0.0, 1.0) * static_cast<double>(width) * 8);
  std::string bar;
  for (std::size_t i = 0; i < eighths / 8; ++i) bar += "█";
  bar += kEighths[eighths % 8];
  for (std::size_t i = eighths / 8 + (eighths % 8 == 0 ? 0 : 1); i < width; ++i) bar += "·";
  return bar;
}

std::vector<std::string> progress_lines(const StatusDocument& document, double rows_per_second) {
  std::vector<std::string> lines;
  std::size_t live = 0;
  std::size_t followed = 0;
  std::size_t hidden = 0;
  std::string stopped;
  for (const auto& table : document.tables) {
    if (table.state != "dropped") ++followed;
    if (table.state == "live" || table.state == "catching_up") ++live;
    if (table.state == "quarantined" || table.state == "gap")
      stopped += (stopped.empty() ? "" : ", ") + to_string(TableName{table.schema, table.name}) + " " + table.state;
    if (!is_copying(table)) continue;
    if (lines.size() < kMostBars) {
      lines.push_back(copy_line(table));
    } else {
      ++hidden;
    }
  }
  if (hidden > 0) lines.push_back(fmt::format("  … and {} more tables to copy", hidden));
  std::string line = fmt::format("{}  {} of {} tables live  lag {}", document.state, live, followed, lag_text(document));
  line += fmt::format("  {} changes, {:.0f}/s", format_count(document.rows), rows_per_second);
  if (!stopped.empty()) line += "  STOPPED: " + stopped;
  lines.push_back(std::move(line));
  if (document.error && document.state != "live") lines.push_back("  " + document.error->what.substr(0, 150));
  return lines;
}

ProgressDisplay::ProgressDisplay(std::function<StatusDocument()> status, bool terminal)
    : status_(std::move(status)), terminal_(terminal), thread_([this](const std::stop_token& stop) { run(stop); }) {}

ProgressDisplay::~ProgressDisplay() {
  thread_.request_stop();
  thread_.join();
}

void ProgressDisplay::run(const std::stop_token& stop) {
  std::mutex mutex;
  std::condition_variable_any never;
  std::unique_lock lock(mutex);
  do {
    const StatusDocument document = status_();
    const double fresh =
        static_cast<double>(document.rows - std::min(document.rows, rows_before_)) / std::chrono::duration<double>(kInterval).count();
    rate_ = rate_ * 0.75 + fresh * 0.25;
    rows_before_ = document.rows;
    if (terminal_) {
      draw(document);
    } else {
      log(document);
    }
    ++rounds_;
  } while (!never.wait_for(lock, stop, kInterval, [] { return false; }) && !stop.stop_requested());
  if (terminal_) draw(status_());
}

void ProgressDisplay::draw(const StatusDocument& document) {
  std::string out;
  if (lines_drawn_ > 0) out += fmt::format("\033[{}A", lines_drawn_);
  const auto lines = progress_lines(document, rate_);
  for (const std::string& line : lines) out += "\r\033[2K" + line + "\n";
  out += "\033[J";
  lines_drawn_ = lines.size();
  std::fputs(out.c_str(), stdout);
  std::fflush(stdout);
}

void ProgressDisplay::log(const StatusDocument& document) {
  for (const auto& table : document.tables) {
    const std::string name = to_string(TableName{table.schema, table.name});
    std::string& known = states_[table.oid];  // two tables may have had the name one after the other
    if (known == table.state) continue;
    known = table.state;
    const bool stopped = table.state == "quarantined" || table.state == "gap";
    const std::string text = table.quarantine ? table.quarantine->reason : "the table is " + table.state;
    log_event(stopped ? LogLevel::error : LogLevel::info, "table_state", text,
              {{"table", name}, {"state", table.state}, {"position", table.position}, {"fix", table.quarantine ? table.quarantine->fix : ""}});
  }
  if (rounds_ % kRoundsPerLogLine != kRoundsPerLogLine - 1) return;
  std::size_t copies = 0;
  for (const auto& table : document.tables) {
    if (table.copy && table.copy->phase != "queued" && copies++ < kMostBars) log_copy(table);
  }
  log_event(LogLevel::info, "progress", document.state,
            {{"durable", document.durable},
             document.lag_bytes ? LogField("lag_bytes", *document.lag_bytes) : LogField("lag_bytes", "unknown"),
             document.lag_seconds ? LogField("lag_seconds", *document.lag_seconds) : LogField("lag_seconds", "unknown"),
             {"rows", document.rows},
             {"batches", document.batches}});
}

}  // namespace luge
