#include "destination/snowflake/control_channel.h"

#include <algorithm>
#include <chrono>
#include <thread>

#include "base/log.h"
#include "destination/snowflake/control_table.h"
#include "destination/snowflake/ddl/identifier.h"
#include "destination/snowflake/encode/offset_token.h"

namespace luge {

namespace {

constexpr Duration kSettle = std::chrono::seconds(10);
/// A row is a few bytes: a day's are not worth waking a warehouse for.
constexpr std::uint64_t kManyRows = 10'000;

}  // namespace

Result<std::unique_ptr<ControlChannel>> ControlChannel::open(const SnowflakeConnection& connection, SqlSession& sql, const std::string& pipeline,
                                                             const std::stop_token& stop) {
  std::unique_ptr<ControlChannel> control(new ControlChannel());
  const ControlTable table(connection.options(), pipeline);
  TRY(const ControlTable::Found found, table.make(sql.client()));
  control->uuid_ = found.uuid;
  control->id_ = {table.schema(), table.name(), "luge_" + pipeline + "_control"};
  TRY(control->client_, connection.rest_client(stop));
  auto status = control->client_->open(control->id_, kSettle);
  // A table that was made a moment ago may not be known at the ingest host yet.
  for (int i = 0; i < 10 && !status && status.error().code == "table_missing" && !stop.stop_requested(); ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(300));
    status = control->client_->open(control->id_, kSettle);
  }
  if (!status) return std::move(status).error();
  if (status->committed_token) {
    if (const auto position = parse_offset_token(*status->committed_token)) {
      control->intent_ = {position->epoch, position->commit_lsn};
      control->ordinal_ = position->ordinal;
    }
  }
  if (found.rows > kManyRows) {
    const auto deleted = table.trim(sql.client());
    if (!deleted) {
      log_event(LogLevel::warn, "control_table_not_trimmed", deleted.error().what, {{"table", table.qualified()}, {"code", deleted.error().code}});
    } else {
      log_event(LogLevel::debug, "control_table_trimmed", "older rows of luge's control table were deleted",
                {{"table", table.qualified()}, {"rows", *deleted}});
    }
  }
  return control;
}

Status ControlChannel::record(const Intent& intent) {
  if (intent <= intent_) return ok();
  EncodedRows row;
  const Position position{intent.epoch, intent.lsn, ++ordinal_};
  const std::string text = "{\"INTENT\":\"" + offset_token(position) + "\",\"EPOCH\":" + std::to_string(intent.epoch) + "}\n";
  row.text.append(text.data(), text.size());
  row.rows.push_back({row.text.size(), position});
  for (int i = 0; i < 20; ++i) {
    auto sent = client_->append(id_, row, 0);
    if (!sent && i == 0 && (sent.error().code == "channel_invalid" || sent.error().code == "client_invalid")) {
      // Snowflake lost it, or moved: nothing else writes here, because every owner has the fence of the state.
      TRY(const ChannelStatus again, client_->open(id_, kSettle));
      continue;
    }
    if (!sent) return std::move(sent).error();
    const Appended& taken = *sent;
    if (taken.rows == 1) {
      intent_ = intent;
      recorded_ = position;
      return ok();
    }
    std::this_thread::sleep_for(std::clamp<Duration>(taken.again_in, std::chrono::milliseconds(1), std::chrono::milliseconds(200)));
  }
  return make_error(Recovery::retry, "rate_limited", "Snowflake does not take the intent right now", "luge tries again");
}

Status ControlChannel::settle(Duration longest) {
  if (!recorded_) return ok();
  const auto deadline = std::chrono::steady_clock::now() + longest;
  while (true) {
    TRY(const auto statuses, client_->statuses(id_.schema, id_.table, {id_.channel}));
    const auto found = statuses.find(id_.channel);
    const auto token = found != statuses.end() && found->second.committed_token ? parse_offset_token(*found->second.committed_token) : std::nullopt;
    if (token && *token >= *recorded_) return ok();
    if (std::chrono::steady_clock::now() >= deadline) {
      return make_error(Recovery::retry, "unsettled", "Snowflake has not committed luge's control row in time", "luge tries again");
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
}

std::string ControlChannel::bound_sql() const {
  // Epoch and LSN with the slash behind them: whatever stands at that LSN itself is longer, and so not less.
  return "(SELECT LEFT(MAX(\"INTENT\"), 26) FROM " + snowflake_identifier(id_.schema) + "." + snowflake_identifier(id_.table) + ")";
}

}  // namespace luge
