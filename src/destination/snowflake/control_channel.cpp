#include "destination/snowflake/control_channel.h"

#include <algorithm>
#include <cctype>
#include <chrono>
#include <string_view>
#include <thread>

#include "base/random.h"
#include "destination/snowflake/ddl/identifier.h"
#include "destination/snowflake/encode/offset_token.h"

namespace luge {

namespace {

constexpr std::string_view kComment = "luge pipeline ";
constexpr Duration kSettle = std::chrono::seconds(10);

std::string new_uuid() {
  SeededRandom random(static_cast<std::uint64_t>(std::chrono::system_clock::now().time_since_epoch().count()) ^
                      (static_cast<std::uint64_t>(std::chrono::steady_clock::now().time_since_epoch().count()) << 17));
  return make_uuid(random);
}

}  // namespace

Result<std::unique_ptr<ControlChannel>> ControlChannel::open(const SnowflakeConnection& connection, SqlSession& sql, const std::string& pipeline,
                                                             const std::stop_token& stop) {
  std::unique_ptr<ControlChannel> control(new ControlChannel());
  const SnowflakeOptions& options = connection.options();
  const std::string schema = options.schema.empty() ? "_LUGE" : options.schema;
  const std::string table = snowflake_name("_LUGE_CONTROL_" + pipeline, false);
  const std::string qualified = snowflake_identifier(schema) + "." + snowflake_identifier(table);
  if (options.schema.empty()) {
    TRY(const SqlResult made, sql.run("CREATE SCHEMA IF NOT EXISTS " + snowflake_identifier(schema)));
  }
  const auto look = [&]() -> Result<std::string> {
    // SHOW needs no warehouse. LIKE matches without regard to case and knows wildcards: names are compared here.
    TRY(const SqlResult shown, sql.run("SHOW TABLES LIKE " + snowflake_literal("_LUGE_CONTROL_%") + " IN SCHEMA " + snowflake_identifier(schema)));
    std::size_t name = shown.columns.size();
    std::size_t comment = shown.columns.size();
    for (std::size_t i = 0; i < shown.columns.size(); ++i) {
      if (shown.columns[i].name == "name") name = i;
      if (shown.columns[i].name == "comment") comment = i;
    }
    for (const auto& row : shown.rows) {
      if (name < row.size() && comment < row.size() && row[name] == table) return row[comment].value_or("?");
    }
    return std::string();
  };
  TRY(std::string comment, look());
  if (comment.empty()) {
    const std::string wanted = std::string(kComment) + pipeline + " uuid " + new_uuid();
    TRY(const SqlResult made, sql.run("CREATE TABLE IF NOT EXISTS " + qualified +
                                      " (\"INTENT\" VARCHAR(42), \"EPOCH\" NUMBER(10,0)) COMMENT = " + snowflake_literal(wanted)));
    TRY(comment, look());
  }
  const std::size_t at = comment.find(" uuid ");
  if (!comment.starts_with(kComment) || at == std::string::npos) {
    return fatal("foreign", "the table " + qualified + " in Snowflake is not luge's",
                 "choose another --pipeline, or another schema in the section snowflake");
  }
  control->uuid_ = comment.substr(at + 6);
  control->id_ = {schema, table, "luge_" + pipeline + "_control"};
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
