#include "service/metrics/metrics_page.h"

namespace luge {

namespace {
constexpr double kMebibyte = 1 << 20;

double number(std::uint64_t count) { return static_cast<double>(count); }
}  // namespace

void add_source(Exposition& page, const SourceReport& report) {
  const std::string& name = report.name;
  if (report.wal_bytes) {
    page.add(Metric::source_wal_mb, {name}, number(*report.wal_bytes) / kMebibyte);
    page.add(Metric::source_wal_bytes, {name}, number(*report.wal_bytes));
  }
  if (report.wal_bytes_per_second) page.add(Metric::source_wal_rate, {name}, *report.wal_bytes_per_second);
  if (report.level != SourceReport::Level::unknown) page.add(Metric::source_level, {name}, static_cast<double>(report.level));
  if (report.seconds_left) page.add(Metric::source_remaining, {name}, *report.seconds_left);
  if (report.readings + report.failed_readings > 0) {
    page.add(Metric::wal_readings, {name}, number(report.readings + report.failed_readings));
    page.add(Metric::wal_failed_readings, {name}, number(report.failed_readings));
  }
  for (const SourceReport::Slot& slot : report.slots) {
    page.add(Metric::slot_active, {name, slot.name}, slot.active ? 1 : 0);
    if (slot.retained_bytes) page.add(Metric::slot_retained, {name, slot.name}, number(*slot.retained_bytes));
    if (slot.safe_wal_bytes) page.add(Metric::slot_safe_wal, {name, slot.name}, static_cast<double>(*slot.safe_wal_bytes));
    if (slot.seconds_left) page.add(Metric::slot_remaining, {name, slot.name}, *slot.seconds_left);
  }
  if (!report.cache) return;
  page.add(Metric::cache_hits, {name}, number(report.cache->hits));
  page.add(Metric::cache_misses, {name}, number(report.cache->misses));
  page.add(Metric::cache_queries, {name}, number(report.cache->queries));
  page.add(Metric::cache_tables, {name}, number(report.cache->tables));
}

}  // namespace luge
