#include "service/alert/trouble_alerts.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace luge {
namespace {

using testing::_;
using testing::Contains;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::Pair;

TEST(TroubleAlerts, wal_levels_with_their_countdown) {
  WalVerdict verdict;
  EXPECT_THAT(wal_alerts("orders", verdict), IsEmpty());
  verdict.level = WalLevel::danger;
  EXPECT_THAT(wal_alerts("orders", verdict), IsEmpty()) << "no alert among its actions";
  verdict.actions = {WalAction::alert};
  verdict.wal_bytes = 3ULL << 30;
  verdict.wal_bytes_from_directory = true;
  verdict.retained_bytes = 2ULL << 30;
  verdict.reasons = {"slot luge_app has 1 GiB left"};
  verdict.pinned_by = "nobody reads slot luge_app";
  verdict.slots.resize(2);
  verdict.slots[1].name = "luge_app";
  verdict.slots[1].retained_bytes = 2ULL << 30;
  verdict.slots[1].safe_bytes = 1ULL << 30;
  const auto plain = wal_alerts("orders", verdict);
  ASSERT_EQ(plain.size(), 1U);
  EXPECT_EQ(plain[0].key, "wal/orders");
  EXPECT_EQ(plain[0].severity, AlertSeverity::critical);
  EXPECT_EQ(plain[0].title, "WAL of source orders: danger, slot luge_app has 1 GiB left");
  EXPECT_EQ(plain[0].hint, "nobody reads slot luge_app");
  EXPECT_THAT(plain[0].facts, Contains(Pair("WAL directory", "3 GiB")));
  EXPECT_THAT(plain[0].facts, Contains(Pair("slot", "luge_app (nobody reads it)")));
  EXPECT_THAT(plain[0].facts, Contains(Pair("safe_wal_size", "1 GiB")));
  EXPECT_THAT(plain[0].facts, Not(Contains(Pair("actions", _)))) << "telling is all that is done";
  verdict.actions = {WalAction::alert, WalAction::larger_batches, WalAction::pause_copies};
  EXPECT_THAT(wal_alerts("orders", verdict)[0].facts, Contains(Pair("actions", "larger_batches, pause_copies")));
  verdict.level = WalLevel::warning;
  verdict.time_left = std::chrono::minutes(190);
  verdict.time_left_until = "slot luge_app is lost";
  EXPECT_EQ(wal_alerts("orders", verdict)[0].title, "WAL of source orders: warning, slot luge_app has 1 GiB left") << "a rate of seconds";
  verdict.time_left_settled = true;
  const auto counting = wal_alerts("orders", verdict);
  EXPECT_EQ(counting[0].severity, AlertSeverity::warning);
  EXPECT_EQ(counting[0].title, "WAL of source orders: warning, slot luge_app is lost in 3 h 10 min");
  EXPECT_THAT(counting[0].facts, Contains(Pair("time left", "3 h 10 min until slot luge_app is lost")));
  verdict.time_left = Duration(0);
  EXPECT_THAT(wal_alerts("orders", verdict)[0].title, HasSubstr("slot luge_app is lost any moment"));
}

TEST(TroubleAlerts, a_gap_is_told_from_a_failure) {
  const Alert gap = stopped_alert("app", needs_operator("gap", "changes of public.t are missing", "luge resync"));
  EXPECT_EQ(gap.key, "gap/app");
  EXPECT_EQ(gap.kind, AlertKind::gap);
  EXPECT_EQ(gap.hint, "luge resync");
  const Alert failed = stopped_alert("app", fatal("28P01", "password refused"));
  EXPECT_EQ(failed.key, "pipeline_failed/app");
  EXPECT_EQ(failed.severity, AlertSeverity::critical);
  EXPECT_THAT(failed.facts, Contains(Pair("code", "28P01")));
}

TEST(TroubleAlerts, quarantined_tables_each_and_then_the_rest) {
  PipelineStatus status;
  for (int i = 0; i < 10; ++i) {
    TableStatus table;
    table.record.name = {"public", "t" + std::to_string(i)};
    table.record.state = i % 2 == 0 ? TableState::quarantined : TableState::live;
    if (i % 2 == 0) table.record.quarantine = Quarantine{"misfit", "a value does not fit", "price", "numeric", {1, {0x10}, 0}, "luge resync"};
    status.tables.push_back(table);
  }
  const auto each = quarantine_alerts("app", status);
  ASSERT_EQ(each.size(), 5U);
  EXPECT_EQ(each[1].key, "quarantine/app/public.t2");
  EXPECT_EQ(each[1].hint, "luge resync");
  EXPECT_THAT(each[1].facts, Contains(Pair("column", "price (numeric)")));
  EXPECT_THAT(each[1].facts, Contains(Pair("lsn", "0/10")));
  const auto some = quarantine_alerts("app", status, 3);
  ASSERT_EQ(some.size(), 4U);
  EXPECT_EQ(some[3].key, "quarantine/app");
  EXPECT_THAT(some[3].facts, Contains(Pair("tables", "5")));
}

TEST(TroubleAlerts, an_open_breaker_and_one_that_tries) {
  DestinationHealth health;
  EXPECT_THAT(breaker_alerts("app", health), IsEmpty());
  for (const char* state : {"open", "half_open"}) {
    health.breaker = state;
    ASSERT_EQ(breaker_alerts("app", health).size(), 1U);
    EXPECT_EQ(breaker_alerts("app", health)[0].key, "breaker/app");
  }
}

TEST(TroubleAlerts, freshness_against_its_objective) {
  PipelineStatus status;
  const PgTimestamp now{1'000'000'000};
  EXPECT_THAT(freshness_alerts("app", status, std::chrono::seconds(1), now), IsEmpty()) << "nothing unfinished";
  status.oldest_unfinished_commit = PgTimestamp{now.micros - 61'000'000};
  EXPECT_THAT(freshness_alerts("app", status, std::chrono::seconds(61), now), IsEmpty());
  EXPECT_THAT(freshness_alerts("app", status, Duration(0), now), IsEmpty()) << "no objective";
  const auto late = freshness_alerts("app", status, std::chrono::seconds(60), now);
  ASSERT_EQ(late.size(), 1U);
  EXPECT_EQ(late[0].severity, AlertSeverity::warning);
  EXPECT_THAT(late[0].title, HasSubstr("1 min behind; its objective is 1 min"));
  EXPECT_EQ(freshness_alerts("app", status, std::chrono::seconds(20), now)[0].severity, AlertSeverity::critical);
}

TEST(TroubleAlerts, AServiceWithoutItsCatalogIsToldOfAfterHalfAMinute) {
  const Error error = make_error(Recovery::retry, "unreachable", "connection refused", "is the server up?");
  EXPECT_TRUE(service_alerts("web-1", error, std::chrono::seconds(29)).empty());
  const auto alerts = service_alerts("web-1", error, std::chrono::seconds(30));
  ASSERT_EQ(alerts.size(), 1U);
  EXPECT_EQ(alerts[0].key, "service/web-1");
  EXPECT_EQ(alerts[0].severity, AlertSeverity::critical);
}

TEST(TroubleAlerts, ASourceThatCannotBeReadIsToldOfAfterAMinute) {
  const Error error = make_error(Recovery::retry, "28P01", "password authentication failed", "check the password");
  EXPECT_TRUE(unread_alerts("shop", error, std::chrono::seconds(59)).empty());
  const auto alerts = unread_alerts("shop", error, std::chrono::seconds(60));
  ASSERT_EQ(alerts.size(), 1U);
  EXPECT_EQ(alerts[0].key, "unread/shop");
  EXPECT_EQ(alerts[0].hint, "check the password");
}

}  // namespace
}  // namespace luge
