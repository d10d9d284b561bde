#include "service/alert/known_alerts.h"

#include <gtest/gtest.h>

namespace luge {
namespace {

TEST(KnownAlerts, are_read_as_they_were_written) {
  KnownAlert known;
  known.alert = {"quarantine/app/public.\"t\"", AlertKind::quarantine, AlertSeverity::critical, "a title", "a hint", {{"b", "2"}, {"a", "1"}}};
  known.scope = "pipeline/app";
  known.since = {-5};
  known.told = {"ops", "pager"};
  const auto read = read_known_alerts(write_known_alerts({known, known}));
  ASSERT_EQ(read.size(), 2U);
  EXPECT_EQ(read[1].alert.key, known.alert.key);
  EXPECT_EQ(read[1].alert.kind, known.alert.kind);
  EXPECT_EQ(read[1].alert.severity, known.alert.severity);
  EXPECT_EQ(read[1].alert.title, known.alert.title);
  EXPECT_EQ(read[1].alert.hint, known.alert.hint);
  EXPECT_EQ(read[1].alert.facts, known.alert.facts);
  EXPECT_EQ(read[1].scope, known.scope);
  EXPECT_EQ(read[1].since, known.since);
  EXPECT_EQ(read[1].told, known.told);
}

TEST(KnownAlerts, what_cannot_be_read_is_left_out) {
  for (const char* broken : {"", "{}", "null", "[1, null, \"x\", [], {}]", "[{\"key\": 1}]", "[{\"key\": \"a\", \"kind\": \"wal\"}]",
                             "[{\"key\": \"a\", \"kind\": \"other\", \"severity\": \"info\"}]",
                             "[{\"key\": \"a\", \"kind\": \"wal\", \"severity\": \"info\", \"told\": 7}]", "[{\"key\": "})
    EXPECT_TRUE(read_known_alerts(broken).empty()) << broken;
  EXPECT_EQ(read_known_alerts("[7, {\"key\": \"a\", \"kind\": \"wal\", \"severity\": \"info\"}]").size(), 1U);
}

}  // namespace
}  // namespace luge
