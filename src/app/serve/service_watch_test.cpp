#include "app/serve/service_watch.h"

#include <gtest/gtest.h>

namespace luge {
namespace {

StatusRow stopped(const std::string& state, bool healed_by_time) {
  StatusRow row;
  row.pipeline = "shop";
  row.state = state;
  row.error_code = "08006";
  row.error = "the server closed the connection";
  row.hint = "is it running?";
  row.healed_by_time = healed_by_time;
  return row;
}

std::vector<Alert> alerts_after(const StatusRow& row, int seconds) { return alerts_of(row, nullptr, Duration{0}, std::chrono::seconds(seconds), {}); }

TEST(ServiceWatch, WhatTimeMayHealIsToldOfAfterHalfAMinute) {
  const StatusRow row = stopped("waiting", true);
  EXPECT_TRUE(alerts_after(row, 0).empty());
  EXPECT_TRUE(alerts_after(row, 29).empty());
  const auto alerts = alerts_after(row, 30);
  ASSERT_EQ(alerts.size(), 1U);
  EXPECT_EQ(alerts[0].key, "pipeline_failed/shop");
  EXPECT_EQ(alerts[0].hint, "is it running?");
}

TEST(ServiceWatch, WhatTimeDoesNotHealIsToldOfAtOnce) {
  for (const char* state : {"failed", "invalid", "waiting"}) EXPECT_EQ(alerts_after(stopped(state, false), 0).size(), 1U) << state;
}

TEST(ServiceWatch, WhoCannotConnectStandsStill) {
  EXPECT_TRUE(alerts_after(stopped("connecting", true), 29).empty());
  const auto alerts = alerts_after(stopped("connecting", true), 30);
  ASSERT_EQ(alerts.size(), 1U);
  EXPECT_EQ(alerts[0].title, "pipeline shop stands still: it cannot connect");
  StatusRow first = stopped("connecting", false);
  first.error.clear();
  EXPECT_TRUE(alerts_after(first, 60).empty()) << "it has only just begun";
}

TEST(ServiceWatch, WhoRunsHasNotStopped) {
  for (const char* state : {"live", "copying", "starting", "paused"}) EXPECT_TRUE(alerts_after(stopped(state, false), 60).empty()) << state;
}

}  // namespace
}  // namespace luge
