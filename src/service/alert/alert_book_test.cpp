#include "service/alert/alert_book.h"

#include <gtest/gtest.h>

namespace luge {
namespace {

Instant at(std::int64_t seconds) { return {seconds * 1'000'000}; }
PgTimestamp wall(std::int64_t seconds) { return {seconds * 1'000'000}; }

Alert alert(const std::string& key, AlertSeverity severity = AlertSeverity::warning) {
  Alert alert;
  alert.key = key;
  alert.severity = severity;
  alert.title = "trouble with " + key;
  return alert;
}

TEST(AlertBook, one_entry_per_key_that_remembers_its_beginning) {
  AlertBook book(std::chrono::seconds(60));
  EXPECT_TRUE(book.raise(alert("a"), "", wall(1)));
  EXPECT_FALSE(book.raise(alert("a", AlertSeverity::critical), "", wall(2)));
  ASSERT_EQ(book.alerts().size(), 1U);
  EXPECT_EQ(book.alerts().at("a").alert.severity, AlertSeverity::critical);
  EXPECT_EQ(book.alerts().at("a").since, wall(1));
}

TEST(AlertBook, what_comes_back_soon_was_never_away) {
  AlertBook book(std::chrono::seconds(60));
  book.raise(alert("a"), "", wall(1));
  EXPECT_TRUE(book.resolve("a", at(10)));
  EXPECT_FALSE(book.resolve("a", at(11)));
  EXPECT_FALSE(book.resolve("b", at(11)));
  EXPECT_EQ(book.next_settled(), at(70));
  EXPECT_TRUE(book.take_settled(at(69)).empty());
  EXPECT_TRUE(book.raise(alert("a"), "", wall(69)));
  EXPECT_EQ(book.alerts().at("a").since, wall(1));
  EXPECT_FALSE(book.next_settled());
  book.resolve("a", at(80));
  EXPECT_EQ(book.take_settled(at(140)).size(), 1U);
  EXPECT_TRUE(book.alerts().empty());
  book.raise(alert("a"), "", wall(200));
  EXPECT_EQ(book.alerts().at("a").since, wall(200)) << "another one";
}

TEST(AlertBook, a_scope_reports_all_that_is_wrong_with_it) {
  AlertBook book(std::chrono::seconds(0));
  book.raise(alert("other"), "elsewhere", wall(1));
  auto changes = book.set("app", {alert("a"), alert("b")}, at(1), wall(1));
  EXPECT_EQ(changes.fired.size(), 2U);
  EXPECT_TRUE(changes.resolved.empty());
  changes = book.set("app", {alert("b"), alert("c")}, at(2), wall(2));
  ASSERT_EQ(changes.fired.size(), 1U);
  EXPECT_EQ(changes.fired[0].key, "c");
  ASSERT_EQ(changes.resolved.size(), 1U);
  EXPECT_EQ(changes.resolved[0].key, "a");
  changes = book.set("app", {}, at(3), wall(3));
  EXPECT_EQ(changes.resolved.size(), 2U);
  EXPECT_EQ(book.take_settled(at(3)).size(), 3U);
  EXPECT_EQ(book.alerts().size(), 1U);
  EXPECT_TRUE(book.alerts().contains("other"));
}

TEST(AlertBook, an_alert_of_before_a_restart_goes_on_or_is_over) {
  AlertBook book(std::chrono::seconds(60));
  book.restore(alert("a"), "app", wall(1), at(1000), std::chrono::seconds(120));
  book.restore(alert("b"), "app", wall(1), at(1000), std::chrono::seconds(120));
  EXPECT_TRUE(book.take_settled(at(1119)).empty());
  EXPECT_TRUE(book.raise(alert("a"), "app", wall(1100)));
  EXPECT_EQ(book.next_settled(), at(1120));
  EXPECT_EQ(book.take_settled(at(1120)).at(0).alert.key, "b");
  ASSERT_EQ(book.alerts().size(), 1U);
  EXPECT_EQ(book.alerts().at("a").since, wall(1));
}

TEST(AlertBook, what_fires_already_goes_on_since_it_was_known) {
  AlertBook book(std::chrono::seconds(60));
  book.raise(alert("a"), "app", wall(50));
  book.restore(alert("a"), "app", wall(1), at(60), std::chrono::seconds(120));
  EXPECT_FALSE(book.alerts().at("a").gone_at);
  EXPECT_EQ(book.alerts().at("a").since, wall(1));
}

TEST(AlertBook, a_scope_is_forgotten_with_what_has_just_ended) {
  AlertBook book(std::chrono::seconds(60));
  book.set("app", {alert("a"), alert("b")}, at(1), wall(1));
  book.set("app", {alert("a")}, at(2), wall(2));
  book.raise(alert("other"), "crm", wall(2));
  EXPECT_EQ(book.forget("app"), (std::vector<std::string>{"a", "b"}));
  EXPECT_TRUE(book.alerts().contains("other"));
  EXPECT_FALSE(book.next_settled());
}

}  // namespace
}  // namespace luge
