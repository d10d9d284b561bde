#include <cstdint>
#include <ctime>
#include <fstream>
#include <sys/resource.h>
#include <unistd.h>

#include "service/metrics/metrics_page.h"

namespace luge {

namespace {

double seconds_of(const timeval& time) { return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6; }

/// Taken while the program is loaded.
const double kStartedAt = static_cast<double>(std::time(nullptr));

double resident_bytes() {
  std::ifstream file("/proc/self/statm");
  std::uint64_t total = 0;
  std::uint64_t resident = 0;
  file >> total >> resident;
  return static_cast<double>(resident) * static_cast<double>(::sysconf(_SC_PAGESIZE));
}

}  // namespace

void add_process(Exposition& page, std::string_view version) {
  page.add(Metric::build_info, {version}, 1);
  page.add(Metric::process_start, {}, kStartedAt);
  rusage usage{};
  if (::getrusage(RUSAGE_SELF, &usage) == 0) page.add(Metric::process_cpu, {}, seconds_of(usage.ru_utime) + seconds_of(usage.ru_stime));
  page.add(Metric::process_memory, {}, resident_bytes());
}

}  // namespace luge
