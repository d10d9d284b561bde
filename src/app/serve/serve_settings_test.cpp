#include "app/serve/serve_settings.h"

#include <gtest/gtest.h>

#include "app/config_file.h"
#include "app/option_table.h"

namespace luge {
namespace {

Result<Options> read(const std::string& yaml) {
  Options options = default_options();
  const Status status = apply_config_text(options, yaml, "serve.yaml",
                                          [](const std::string& name) { return name == "HOOK" ? std::optional<std::string>("abc") : std::nullopt; });
  if (!status) return status.error();
  return options;
}

TEST(ServeSettings, sections_of_the_configuration) {
  const auto options = read(R"(
alerts:
  freshness: 5min
  webhooks:
    - {name: team, format: slack, url: "https://hooks.slack.com/${HOOK}", least: critical, quiet_hours: "22:00-07:00", resolved: off}
    - {name: own, url: "https://alerts.example", private_networks: [10.0.0.0/8, 127.0.0.1], secret: x, remind_every: 1h}
wal: {interval: 5s, warning_retained: 1GiB, danger_time_left: 10min, danger_room: 5%, disk_limit: 100GiB, danger_actions: [pause_copies, larger_batches]}
)");
  ASSERT_TRUE(options) << options.error().message();
  const ServeSettings& serve = options->serve;
  EXPECT_EQ(serve.freshness, Duration(300'000'000));
  ASSERT_EQ(serve.receivers.size(), 2U);
  EXPECT_EQ(serve.receivers[0].webhook.format, WebhookFormat::slack);
  EXPECT_EQ(serve.receivers[0].webhook.url, "https://hooks.slack.com/abc");
  EXPECT_EQ(serve.receivers[0].plan.least, AlertSeverity::critical);
  EXPECT_FALSE(serve.receivers[0].plan.tell_resolved);
  ASSERT_TRUE(serve.receivers[0].plan.quiet);
  EXPECT_EQ(serve.receivers[0].plan.quiet->from_minute, 22 * 60);
  EXPECT_EQ(serve.receivers[1].webhook.private_networks, (std::vector<std::string>{"10.0.0.0/8", "127.0.0.1"}));
  EXPECT_EQ(serve.receivers[1].plan.remind_every, Duration(3'600'000'000));
  EXPECT_EQ(serve.wal_interval, Duration(5'000'000));
  EXPECT_EQ(serve.wal.retained.warning, 1ULL << 30);
  EXPECT_EQ(serve.wal.danger_time_left, Duration(600'000'000));
  EXPECT_DOUBLE_EQ(serve.wal.danger_room, 0.05);
  EXPECT_EQ(serve.wal.disk_limit_bytes, 100ULL << 30);
  EXPECT_EQ(serve.wal.on_warning, std::vector{WalAction::alert});
  EXPECT_EQ(serve.wal.on_danger, (std::vector{WalAction::alert, WalAction::pause_copies, WalAction::larger_batches}));
}

TEST(ServeSettings, what_is_wrong_is_told_without_secrets) {
  const std::pair<std::string, std::string> wrong[] = {
      {"alerts: {freshnes: 5min}", "freshness"},
      {"alerts: {webhooks: {name: a}}", "not a list"},
      {"alerts: {webhooks: [{url: https://hunter2}]}", "has no name"},
      {"alerts: {webhooks: [{name: a, format: sms}]}", "slack"},
      {"alerts: {webhooks: [{name: a, quiet_hours: night}]}", "quiet_hours"},
      {"alerts: {webhooks: [{name: a, least: bad}]}", "critical"},
      {"wal: {interval: often}", "time"},
      {"wal: {danger_room: 5}", "share"},
      {"wal: {danger_rom: 5%}", "danger_room"},
      {"wal: {warning_actions: \"larger_batches, stop\"}", "'stop' is not pause_copies or larger_batches"},
      {"wal: {danger_action: pause_copies}", "danger_actions"},
  };
  for (const auto& [yaml, word] : wrong) {
    const auto options = read(yaml);
    ASSERT_FALSE(options) << yaml;
    EXPECT_EQ(options.error().exit_code, ExitCode::usage);
    EXPECT_NE(options.error().message().find(word), std::string::npos) << options.error().message();
    EXPECT_EQ(options.error().message().find("hunter2"), std::string::npos);
  }
}

}  // namespace
}  // namespace luge
