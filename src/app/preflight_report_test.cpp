#include "app/preflight_report.h"

#include <gtest/gtest.h>

namespace luge {
namespace {

TEST(PreflightReport, ARowShowsTheWorstCheckInASentence) {
  Preflight preflight;
  preflight.checks = {good("server", "PostgreSQL 17"), problem("wal_level", "wal_level is replica", "ALTER SYSTEM …"),
                      decision("gap", "changes are missing", "luge resync")};
  const Error error = short_error_of(preflight);
  EXPECT_EQ(error.code, "gap");
  EXPECT_EQ(error.what, "changes are missing (and 1 more, in the log)");
  EXPECT_EQ(error.hint, "luge resync");
}

TEST(PreflightReport, AServerThatDoesNotAnswerHealsByTime) {
  Preflight preflight;
  preflight.checks = {check_of(make_error(Recovery::reconnect, "08006", "connection refused", "is it running?"))};
  EXPECT_TRUE(heals_by_time(short_error_of(preflight)));
  preflight.checks.push_back(problem("wal_level", "wal_level is replica"));
  EXPECT_FALSE(heals_by_time(short_error_of(preflight)));
}

}  // namespace
}  // namespace luge
