#pragma once
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "service/admin_view.h"

namespace luge {

/// A live pipeline with so many tables, as a driver would report it.
inline PipelineReport sample_pipeline(const std::string& name, std::size_t tables) {
  PipelineReport report;
  report.name = name;
  report.source = "app@db.example:5432/shop";
  report.destination = "duckdb:/data/shop.duckdb";
  report.mode = "mirror";
  report.slot = "luge_" + name;
  DriverStatus& driver = report.driver;
  driver.state = "live";
  driver.server_version = 150000;
  driver.pipeline.session = true;
  driver.slot.exists = true;
  driver.slot.wal_status = "reserved";
  driver.slot.safe_wal_bytes = 1 << 30;
  driver.memory_used_bytes = 12 << 20;
  driver.memory_limit_bytes = 128 << 20;
  driver.reconnects = 2;
  PipelineStatus& status = driver.pipeline;
  status.session = true;
  status.server = Lsn{0x5000};
  status.received = Lsn{0x4800};
  status.durable = Lsn{0x4000};
  status.acknowledged = Lsn{0x3000};
  status.rows = 120'345;
  status.bytes = 12'345'678;
  status.batches = 310;
  status.transactions = 40'120;
  status.applying = std::chrono::milliseconds(1500);
  status.commit_to_durable.observe(std::chrono::milliseconds(30));
  status.commit_to_durable.observe(std::chrono::seconds(2));
  for (std::size_t i = 0; i < tables; ++i) {
    TableStatus table;
    table.record.oid = static_cast<RelationOid>(16'384 + i);
    std::string digits = std::to_string(i);
    digits.insert(0, digits.size() < 5 ? 5 - digits.size() : 0, '0');
    table.record.name = {"public", "table_" + digits};
    table.record.state = TableState::live;
    table.rows_streamed = i * 17;
    status.tables.push_back(std::move(table));
  }
  return report;
}

/// Shows what it is told to. While a server works with it, the members are changed within change().
class FakeAdminView final : public AdminView {
 public:
  std::vector<PipelineReport> shown;
  std::vector<SourceReport> shown_sources;
  AlertReport shown_alerts;
  Status readiness;
  Status outcome;  ///< of every action

  /// What was asked of it: "pause a", "resync a public.orders".
  std::vector<std::string> asked() const {
    const std::lock_guard lock(mutex_);
    return asked_;
  }

  std::vector<PipelineReport> pipelines() const override {
    const std::lock_guard lock(mutex_);
    return shown;
  }
  std::optional<PipelineReport> pipeline(std::string_view name) const override {
    const std::lock_guard lock(mutex_);
    for (const PipelineReport& report : shown) {
      if (report.name == name) return report;
    }
    return std::nullopt;
  }
  std::vector<SourceReport> sources() const override {
    const std::lock_guard lock(mutex_);
    return shown_sources;
  }
  AlertReport alerts() const override {
    const std::lock_guard lock(mutex_);
    return shown_alerts;
  }
  Status ready() const override {
    const std::lock_guard lock(mutex_);
    return readiness;
  }
  Status pause(const std::string& pipeline) override { return act("pause " + pipeline, pipeline, true); }
  Status resume(const std::string& pipeline) override { return act("resume " + pipeline, pipeline, false); }
  Result<std::vector<std::string>> resync(const std::string& pipeline, const std::string& pattern) override {
    const std::lock_guard lock(mutex_);
    asked_.push_back("resync " + pipeline + " " + pattern);
    if (!outcome) return outcome.error();
    return std::vector<std::string>{pattern};
  }
  template <class Change>
  void change(const Change& what) {
    const std::lock_guard lock(mutex_);
    what();
  }

 private:
  Status act(std::string what, const std::string& name, bool paused) {
    const std::lock_guard lock(mutex_);
    asked_.push_back(std::move(what));
    if (!outcome) return outcome;
    for (PipelineReport& report : shown) {
      if (report.name != name) continue;
      report.driver.pipeline.paused = paused;
      report.driver.state = paused ? "paused" : "live";
    }
    return ok();
  }

  mutable std::mutex mutex_;
  std::vector<std::string> asked_;
};

}  // namespace luge
