#include "service/wal/wal_monitor.h"

#include <utility>

#include "base/log.h"
#include "base/log_component.h"
#include "service/wal/wal_reader.h"

namespace luge {

namespace {

void log_not_read(const std::string& source, const Error& error, const std::string& then) {
  log_event(LogLevel::warn, "wal_not_read", "the WAL of a source cannot be read; " + then,
            {{"source", source}, {"code", error.code}, {"error", error.what}});
}

}  // namespace

/// Reader and judge belong to the thread whose ticket it is; the rest is under the monitor's lock.
struct WalMonitor::Watched {
  Watched(WalSource the_source, Duration statement_timeout) : source(std::move(the_source)), reader(source.connection, statement_timeout) {
    report.source = source.name;
  }
  WalSource source;
  WalReport report;
  WalReader reader;
  WalJudge judge;
  bool held = false;  ///< nobody reads it
};

WalMonitor::WalMonitor(Options options, const Clock& clock, Listener listener)
    : options_(options), clock_(clock), listener_(std::move(listener)), schedule_(options.schedule) {
  for (std::uint32_t i = 0; i < options.schedule.at_once; ++i) threads_.emplace_back([this](const std::stop_token& stop) { run(stop); });
}

WalMonitor::~WalMonitor() {
  for (std::jthread& thread : threads_) thread.request_stop();  // all of them before the first is waited for
  threads_.clear();
}

void WalMonitor::watch(WalSource source) {
  {
    const std::lock_guard lock(mutex_);
    const auto found = sources_.find(source.name);
    const std::string name = source.name;
    const bool held = found != sources_.end() && found->second->held;
    if (!held && found != sources_.end() && found->second->source.connection.keywords() == source.connection.keywords()) {
      found->second->source = std::move(source);  // its session and its history stay
      return;
    }
    std::optional<WalReport> known;
    if (held) known = found->second->report;
    schedule_.remove(name);
    // A new one in any case: a reading of the old one may be under way.
    sources_[name] = std::make_shared<Watched>(std::move(source), options_.statement_timeout);
    if (known) sources_[name]->report = *std::move(known);
    schedule_.add(name, clock_.now());
    ++changes_;
  }
  changed_.notify_all();
}

void WalMonitor::hold(const std::string& source, const Error& why) {
  bool news = false;
  {
    const std::lock_guard lock(mutex_);
    std::shared_ptr<Watched>& watched = sources_[source];
    if (!watched) watched = std::make_shared<Watched>(WalSource{source, {}, {}, {}}, options_.statement_timeout);
    news = !watched->report.error || watched->report.error->code != why.code;
    watched->held = true;
    watched->report.error = why;
    schedule_.remove(source);
  }
  if (news) log_not_read(source, why, "luge waits for another secret");
}

void WalMonitor::forget(std::string_view source) {
  std::shared_ptr<Watched> last;  // closes its session outside the lock
  const std::lock_guard lock(mutex_);
  const auto found = sources_.find(source);
  if (found == sources_.end()) return;
  last = std::move(found->second);
  sources_.erase(found);
  schedule_.remove(source);
}

std::vector<WalReport> WalMonitor::reports() const {
  const std::lock_guard lock(mutex_);
  std::vector<WalReport> reports;
  reports.reserve(sources_.size());
  for (const auto& [name, watched] : sources_) {
    reports.push_back(watched->report);
    reports.back().interval = schedule_.interval(name);
  }
  return reports;
}

void WalMonitor::run(const std::stop_token& stop) {
  const LogComponent scope("wal");
  std::unique_lock lock(mutex_);
  while (!stop.stop_requested()) {
    const auto ticket = schedule_.next(clock_.now());
    if (!ticket) {
      const auto woken = [this, seen = changes_] { return changes_ != seen; };
      if (const auto wait = schedule_.wait(clock_.now())) {
        changed_.wait_for(lock, stop, *wait, woken);
      } else {
        changed_.wait(lock, stop, woken);
      }
      continue;
    }
    std::shared_ptr<Watched> watched = sources_.at(ticket->source);
    lock.unlock();
    read(watched, *ticket, stop);
    watched.reset();  // perhaps the last that knows it
    lock.lock();
    ++changes_;
    changed_.notify_all();
  }
}

void WalMonitor::read(const std::shared_ptr<Watched>& watched, const WalSchedule::Ticket& ticket, const std::stop_token& stop) {
  const auto sample = watched->reader.read(clock_, stop);
  WalSource source;
  {
    const std::lock_guard lock(mutex_);
    source = watched->source;
  }
  std::optional<WalVerdict> verdict;
  if (sample) verdict = watched->judge.judge(*sample, source.limits, source.own_slots);

  WalReport report;
  bool other_failure = false;
  bool well_again = false;
  bool still_watched = false;
  const Instant ended = clock_.now();
  {
    const std::lock_guard lock(mutex_);
    WalReport& mine = watched->report;
    other_failure = !sample && (!mine.error || mine.error->code != sample.error().code);
    well_again = sample && mine.error;
    mine.took = ended - ticket.begun;
    if (verdict) {
      mine.verdict = std::move(verdict);
      if (!watched->held) mine.error.reset();
      ++mine.readings;
    } else {
      if (!watched->held) mine.error = sample.error();
      ++mine.failures;
    }
    report = mine;
    report.interval = schedule_.interval(ticket.source);
    const auto found = sources_.find(ticket.source);
    still_watched = found != sources_.end() && found->second == watched && !watched->held;
  }
  if (still_watched && !stop.stop_requested()) {
    if (well_again) log_event(LogLevel::info, "wal_read_again", "the WAL of a source can be read again", {{"source", report.source}});
    if (other_failure) log_not_read(report.source, *report.error, "luge goes on trying, less often");
    if (listener_) listener_(report);
  }
  // Only now may the source be read again, so that its reports come one after the other. A slow listener does not make it a slow source.
  const std::lock_guard lock(mutex_);
  schedule_.finished(ticket, sample ? WalSchedule::Outcome::good : WalSchedule::Outcome::failed, ended);
}

}  // namespace luge
