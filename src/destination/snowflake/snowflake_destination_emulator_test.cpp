#include <nlohmann/json.hpp>

#include "conformance/destination_fixture.h"
#include "destination/snowflake/control_table.h"
#include "destination/snowflake/encode/offset_token.h"
#include "destination/snowflake/foreign_tables.h"
#include "destination/snowflake/snowflake_connection.h"
#include "destination/snowflake/snowflake_destination.h"
#include "destination/snowflake/snowflake_destination_test_support.h"
#include "support/snowflake_emulator.h"

namespace luge::conformance {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

/// Names of channels and tables, columns and statements of Snowflake's own: what the suite that all destinations pass does not look at.
class SnowflakeDestinationTest : public testing::Test {
 protected:
  void SetUp() override {
    static int schemas = 0;
    options_.url = emulator_.url();
    options_.account = emulator_.account();
    options_.user = emulator_.user();
    options_.private_key_file = emulator_.private_key_file();
    options_.database = emulator_.database();
    options_.schema = "D" + std::to_string(++schemas);
    options_.transport = SnowflakeOptions::Transport::rest;
    options_.actors = 2;
    options_.shards_per_table = 3;
    options_.merge_interval = std::chrono::hours(1);
    emulator_.sql("CREATE OR REPLACE SCHEMA " + options_.schema);
  }
  void TearDown() override {
    session_.reset();
    emulator_.calm();
  }

  Result<std::unique_ptr<DestinationSession>> try_open(const std::string& pipeline) {
    MemoryLedger& ledger = ledgers_[pipeline];
    ledger.acquired(++fence_);
    request_ = {};
    request_.pipeline = pipeline;
    request_.fence = fence_;
    request_.source_description = "test";
    TRY(auto destination, make_snowflake_destination(options_, ledger, clock_));
    return DestinationSession::open(std::move(destination), request_);
  }
  /// Another process; the one before ended as a crash would.
  const Frontier& open(const std::string& pipeline = "p") {
    session_.reset();
    auto opened = try_open(pipeline);
    EXPECT_TRUE(opened) << opened.error().message();
    if (!opened) throw std::runtime_error("the destination does not open");
    session_ = std::move(*opened);
    return session_->opened();
  }
  void close() {
    const Status closed = session_->close();
    EXPECT_TRUE(closed) << closed.error().message();
    session_.reset();
  }
  template <class... Ops>
  Batch batch(std::uint64_t lsn, bool complete, Ops... ops) {
    Batch out;
    out.id = ++batches_;
    out.complete = complete;
    out.checkpoint = {epoch_, Lsn{lsn}, lsn == 0 ? Lsn{} : Lsn{lsn + 1}};
    (out.ops.emplace_back(std::move(ops)), ...);
    return out;
  }
  template <class... Ops>
  Frontier deliver_at(std::uint64_t lsn, Ops... ops) {
    session_->submit(batch(lsn, true, std::move(ops)...));
    auto outcome = session_->next_outcome();
    EXPECT_TRUE(outcome) << outcome.error().message();
    checkpoint_ = lsn;
    return outcome ? std::move(*outcome) : Frontier{};
  }
  template <class... Ops>
  Frontier deliver_now(Ops... ops) {
    return deliver_at(checkpoint_, std::move(ops)...);
  }
  static SetTable set(const TableSchemaPtr& schema, TableState state, Attempt attempt = 1) {
    TableRecord record;
    record.oid = schema->oid;
    record.name = schema->name;
    record.state = state;
    record.attempt = attempt;
    return {record};
  }
  Status copy(const TableSchemaPtr& schema, std::vector<TableChunk> chunks = {}) {
    TRY(auto writer, session_->destination().begin_copy(schema, 1));
    for (TableChunk& chunk : chunks) CHECK_OK(writer->write(std::move(chunk)));
    return writer->finish();
  }
  void make_table(const TableSchemaPtr& schema) {
    deliver_now(set(schema, TableState::waiting));
    const Status copied = copy(schema);
    ASSERT_TRUE(copied) << copied.error().message();
    deliver_now(FinishCopy{schema->oid, 1, {1, 1, {}}, schema, 7});
    deliver_now(set(schema, TableState::live));
  }
  static Rows insert(const TableSchemaPtr& schema, std::int64_t id, std::uint64_t lsn, std::uint64_t ordinal = 0) {
    return live(ChunkMaker(schema).row(RowOp::insert, {n(id), s("v" + std::to_string(id)), kNull}, lsn, ordinal));
  }
  /// What `plan` says of these tables before anything is done is what the destination says when it refuses them.
  void expect_foretold(const std::string& pipeline, const std::vector<Error>& refused, const std::vector<TableName>& tables, bool with_state = true) {
    const auto connection = SnowflakeConnection::make(options_, clock_);
    ASSERT_TRUE(connection);
    const auto sql = (*connection)->sql({});
    const auto control = ControlTable(options_, pipeline).find(sql->client());
    ASSERT_TRUE(control) << control.error().message();
    const TableOwner owner{pipeline, *control ? (*control)->uuid : ""};
    const auto found = find_foreign_tables(sql->client(), options_, owner, with_state, tables, std::chrono::seconds(10));
    ASSERT_TRUE(found) << found.error().message();
    ASSERT_EQ(found->size(), refused.size());
    for (std::size_t i = 0; i < refused.size(); ++i) EXPECT_EQ((*found)[i].why.message(), refused[i].message());
  }
  std::string place(const std::string& table) const { return options_.schema + "." + table; }
  /// Keys in the state table, and what is written behind them.
  std::string state(const std::string& table = "USERS") {
    std::string out;
    for (const auto& row : emulator_.sql("SELECT \"ID\", \"NAME\" FROM " + place(table) + " ORDER BY 1"))
      out += row[0].value_or("?") + "=" + row[1].value_or("NULL") + " ";
    return out;
  }
  std::string common() { return emulator_.cell("SELECT \"POSITION\" FROM " + place("_LUGE_WATERMARKS") + " WHERE TABLE_OID = 0"); }
  /// Until it is so, or a while.
  template <class Is>
  bool becomes(Is is) {
    for (int i = 0; i < 200; ++i) {
      if (is()) return true;
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
    }
    return false;
  }

  SnowflakeEmulator& emulator_ = SnowflakeEmulator::shared();
  const SystemClock clock_;
  SnowflakeOptions options_;
  std::map<std::string, MemoryLedger> ledgers_;
  OpenRequest request_;
  Fence fence_ = 0;
  Epoch epoch_ = 1;
  std::uint64_t batches_ = 0;
  std::uint64_t checkpoint_ = 0;
  std::unique_ptr<DestinationSession> session_;
};

TEST_F(SnowflakeDestinationTest, what_is_not_merged_is_remembered_when_the_table_is_healed) {
  open();
  const auto schema = users();
  const auto other = users(2, "other");
  make_table(schema);
  make_table(other);
  deliver_at(100, insert(schema, 1, 100));
  ASSERT_TRUE(becomes([&] { return state() == "1=v1 "; }));
  deliver_at(200, insert(schema, 2, 200));
  deliver_at(300, insert(other, 1, 300));
  EXPECT_EQ(state(), "1=v1 ") << "not due yet";
  // Somebody drops the other table's log: all tables are looked at, and get channels of a new generation.
  emulator_.sql("DROP TABLE " + place("OTHER__LOG"));
  session_->submit(batch(400, true, insert(other, 2, 400)));
  const auto outcome = session_->next_outcome();
  ASSERT_FALSE(outcome);
  ASSERT_TRUE(session_->reopen(request_));
  EXPECT_TRUE(becomes([&] { return state() == "1=v1 2=v2 "; })) << state();
}

TEST_F(SnowflakeDestinationTest, another_number_of_shards_waits_for_what_is_not_merged) {
  open();
  const auto schema = users();
  make_table(schema);
  deliver_at(100, insert(schema, 1, 100));
  ASSERT_TRUE(becomes([&] { return state() == "1=v1 "; }));
  deliver_at(200, insert(schema, 2, 200));
  emulator_.sql("ALTER TABLE " + place("USERS") + " RENAME TO " + place("ASIDE"));
  EXPECT_FALSE(session_->close()) << "it could not merge";
  emulator_.sql("ALTER TABLE " + place("ASIDE") + " RENAME TO " + place("USERS"));
  options_.shards_per_table = 2;
  open();
  EXPECT_TRUE(becomes([&] { return state() == "1=v1 2=v2 "; })) << state();
  close();
  open();
  deliver_at(300, insert(schema, 3, 300));
  close();
  EXPECT_EQ(state(), "1=v1 2=v2 3=v3 ");
}

TEST_F(SnowflakeDestinationTest, a_table_of_another_pipeline_is_left_alone) {
  const auto schema = users();
  open("a");
  make_table(schema);
  deliver_at(100, insert(schema, 1, 100));
  close();
  checkpoint_ = 0;
  open("b");
  deliver_now(set(schema, TableState::waiting));
  const Status copied = copy(schema);
  ASSERT_FALSE(copied);
  EXPECT_EQ(copied.error().code, "foreign");
  EXPECT_EQ(copied.error().recovery, Recovery::quarantine_table);
  EXPECT_THAT(copied.error().what, HasSubstr("pipeline a"));
  expect_foretold("b", {copied.error()}, {schema->name});
  expect_foretold("a", {}, {schema->name, {"public", "later"}, {"elsewhere", "later"}});
  // Changes that come before the copy are not taken either.
  const Frontier answer =
      deliver_at(100, Rows{{Route::Kind::pending, 1}, ChunkMaker(schema).row(RowOp::insert, {n(7), s("b"), kNull}, 100, 0).take()});
  ASSERT_EQ(answer.tables.size(), 1U);
  EXPECT_EQ(answer.tables[0].quarantine.value_or(Quarantine{}).code, "foreign");
  close();
  EXPECT_EQ(state(), "1=v1 ");
  EXPECT_EQ(emulator_.cell("SELECT COUNT(*) FROM " + place("USERS__LOG")), "1");
  checkpoint_ = 100;
  open("a");
  deliver_at(200, insert(schema, 2, 200));
  close();
  EXPECT_EQ(state(), "1=v1 2=v2 ");
}

TEST_F(SnowflakeDestinationTest, a_table_that_luge_did_not_make_is_left_alone) {
  const auto schema = users();
  const auto other = users(2, "other");
  emulator_.sql("CREATE TABLE " + place("USERS") + " (ID NUMBER(38,0)); CREATE TABLE " + place("OTHER__LOG") + " (ID NUMBER(38,0))");
  expect_foretold("p", {}, {{"public", "users"}}, false);
  open();
  deliver_now(set(schema, TableState::waiting), set(other, TableState::waiting));
  std::vector<Error> refused;
  for (const auto& one : {schema, other}) {
    const Status copied = copy(one);
    ASSERT_FALSE(copied);
    refused.push_back(copied.error());
  }
  EXPECT_EQ(refused[0].code, "foreign_table");
  EXPECT_EQ(refused[1].code, "foreign");
  expect_foretold("p", refused, {schema->name, other->name});
}

TEST_F(SnowflakeDestinationTest, a_lost_ledger_takes_its_own_tables_over_under_another_epoch) {
  const auto schema = users();
  open();
  make_table(schema);
  deliver_at(100, insert(schema, 1, 100));
  ASSERT_TRUE(becomes([&] { return state() == "1=v1 "; }));
  ledgers_.clear();  // after a crash: nothing was closed
  const Frontier again = open();
  EXPECT_TRUE(again.tables.empty());
  EXPECT_GT(again.checkpoint.epoch, 1U) << "channels and positions of the old epoch must not be used again";
  // The source was rebuilt: its LSNs begin anew.
  epoch_ = again.checkpoint.epoch;
  checkpoint_ = 0;
  make_table(schema);
  deliver_at(50, insert(schema, 5, 50));
  close();
  EXPECT_EQ(state(), "5=v5 ");
}

TEST_F(SnowflakeDestinationTest, the_checkpoint_is_published_without_a_word_from_the_pipeline) {
  open();
  const auto schema = users();
  make_table(schema);
  deliver_at(100, insert(schema, 1, 100));
  close();
  const auto token = [&] {
    for (const auto& channel : emulator_.look("channels")) {
      if (channel.at("channel_name") == "luge_p_control" && channel.at("schema_name") == options_.schema) return channel.dump();
    }
    return std::string();
  };
  EXPECT_TRUE(becomes([&] { return token().find("00000001/0000000000000065/") != std::string::npos; })) << token();
  EXPECT_EQ(open().intent, Lsn{101});
}

TEST_F(SnowflakeDestinationTest, the_control_table_is_trimmed_when_it_is_long) {
  const std::string table = place("_LUGE_CONTROL_P");
  const auto fill = [&](const std::string& rows) {
    emulator_.sql("INSERT INTO " + table + " SELECT '00000000/0000000000000000/0000000000000000', 0 FROM TABLE(GENERATOR(ROWCOUNT => " + rows + "))");
  };
  open();
  const auto schema = users();
  make_table(schema);
  deliver_at(100, insert(schema, 1, 100));
  close();
  fill("5000");
  open();
  EXPECT_GT(std::stoi(emulator_.cell("SELECT COUNT(*) FROM " + table)), 5000) << "not worth a statement";
  close();
  fill("6000");
  // Nobody hears of it when that fails.
  emulator_.fault({{"kind", "status"}, {"path", "/api/v2/statements$"}, {"status", 422}, {"code", "000606"}, {"skip", 1}, {"count", 1}});
  EXPECT_EQ(open().intent, Lsn{101});
  EXPECT_EQ(emulator_.look("faults").at(0).at("hits"), 1U);
  emulator_.calm();
  close();
  EXPECT_GT(std::stoi(emulator_.cell("SELECT COUNT(*) FROM " + table)), 11'000);
  EXPECT_EQ(open().intent, Lsn{101});
  EXPECT_EQ(emulator_.cell("SELECT COUNT(*) || ' ' || MAX(LEFT(INTENT, 25)) FROM " + table), "1 00000001/0000000000000065");
  deliver_at(200, insert(schema, 2, 200));
  close();
  EXPECT_EQ(open().intent, Lsn{201});
}

TEST_F(SnowflakeDestinationTest, a_renamed_table_goes_on_under_its_new_name) {
  open();
  const auto schema = users();
  const auto renamed = users(1, "people");
  make_table(schema);
  deliver_at(100, insert(schema, 1, 100));
  deliver_at(200, insert(schema, 2, 200), insert(renamed, 3, 200, 1));
  const Frontier answer = deliver_at(300, live(ChunkMaker(renamed).row(RowOp::update, {n(1), s("new"), kAbsent}, 300, 0)));
  EXPECT_TRUE(answer.tables.empty());
  close();
  EXPECT_EQ(state("PEOPLE"), "1=new 2=v2 3=v3 ");
  EXPECT_EQ(emulator_.cell("SELECT COUNT(*) FROM " + place("USERS__LOG")), "2");
  EXPECT_EQ(emulator_.cell("SELECT COUNT(*) FROM " + place("PEOPLE__LOG")), "2");
  EXPECT_EQ(open().tables.at(0).name.table, "people");
  deliver_at(400, live(ChunkMaker(renamed).row(RowOp::remove, {n(2), kAbsent, kAbsent}, 400, 0)));
  close();
  EXPECT_EQ(state("PEOPLE"), "1=new 3=v3 ");
}

TEST_F(SnowflakeDestinationTest, a_renaming_comes_again_after_a_crash) {
  open();
  const auto schema = users();
  const auto renamed = users(1, "people");
  make_table(schema);
  deliver_at(100, insert(schema, 1, 100));
  session_->submit(batch(100, false, insert(schema, 2, 200)));
  session_->submit(batch(100, false, insert(renamed, 3, 200, 1)));
  ASSERT_TRUE(becomes([&] {
    return emulator_.cell("SELECT COUNT(*) FROM INFORMATION_SCHEMA.TABLES WHERE TABLE_SCHEMA = '" + options_.schema +
                          "' AND TABLE_NAME = 'PEOPLE__LOG'") == "1";
  }));
  EXPECT_EQ(open().checkpoint.commit_lsn, Lsn{100});
  deliver_at(200, insert(schema, 2, 200), insert(renamed, 3, 200, 1));
  close();
  EXPECT_EQ(state("PEOPLE"), "1=v1 2=v2 3=v3 ");
  EXPECT_EQ(emulator_.cell("SELECT COUNT(*) FROM " + place("PEOPLE__LOG")), "1");
  // And once more, now that nothing stands before it any more.
  open();
  const auto again = users(1, "folk");
  session_->submit(batch(200, false, insert(again, 4, 300)));
  ASSERT_TRUE(becomes([&] {
    return emulator_.cell("SELECT COUNT(*) FROM INFORMATION_SCHEMA.TABLES WHERE TABLE_SCHEMA = '" + options_.schema +
                          "' AND TABLE_NAME = 'FOLK__LOG'") == "1";
  }));
  open();
  deliver_at(300, insert(again, 4, 300));
  close();
  EXPECT_EQ(state("FOLK"), "1=v1 2=v2 3=v3 4=v4 ");
}

TEST_F(SnowflakeDestinationTest, a_renamed_table_without_current_state_begins_another_log) {
  options_.current_state = SnowflakeOptions::CurrentState::none;
  open();
  const auto schema = users();
  const auto renamed = users(1, "people");
  make_table(schema);
  deliver_at(100, insert(schema, 1, 100));
  const Frontier answer = deliver_at(200, insert(renamed, 2, 200));
  ASSERT_EQ(answer.tables.size(), 1U);
  EXPECT_EQ(answer.tables[0].state, TableState::live);
  EXPECT_EQ(answer.tables[0].name.table, "people");
  close();
  EXPECT_EQ(emulator_.cell("SELECT COUNT(*) FROM " + place("USERS__LOG")), "1");
  EXPECT_EQ(emulator_.cell("SELECT COUNT(*) FROM " + place("PEOPLE__LOG")), "1");
}

TEST_F(SnowflakeDestinationTest, tables_have_a_common_position_and_it_is_published) {
  options_.merge_interval = std::chrono::milliseconds(300);
  open();
  const auto schema = users();
  const auto other = users(2, "other");
  make_table(schema);
  make_table(other);
  deliver_at(100, insert(schema, 1, 100), insert(other, 1, 100, 1));
  EXPECT_TRUE(becomes([&] { return common() == offset_token({1, Lsn{100}, UINT64_MAX}); })) << common();
  deliver_at(200, insert(other, 2, 200));
  EXPECT_TRUE(becomes([&] { return common() == offset_token({1, Lsn{200}, UINT64_MAX}); })) << common() << ": a table with nothing to do is complete";
  // It is published before luge has heard so itself.
  EXPECT_TRUE(becomes([&] { return session_->destination().health()->common == "0/C8"; })) << session_->destination().health()->common;
  EXPECT_EQ(state() + "| " + state("OTHER"), "1=v1 | 1=v1 2=v2 ");
}

TEST_F(SnowflakeDestinationTest, a_view_shows_whole_transactions) {
  options_.current_state = SnowflakeOptions::CurrentState::view;
  open();
  const auto schema = users();
  make_table(schema);
  deliver_at(100, insert(schema, 1, 100), insert(schema, 2, 100, 1));
  EXPECT_TRUE(becomes([&] { return state() == "1=v1 2=v2 "; })) << state();
  session_->submit(batch(100, false, insert(schema, 3, 200)));
  ASSERT_TRUE(becomes([&] { return emulator_.cell("SELECT COUNT(*) FROM " + place("USERS__LOG")) == "3"; }));
  EXPECT_EQ(state(), "1=v1 2=v2 ") << "its transaction is still open";
  session_->submit(batch(200, true, insert(schema, 4, 200, 1)));
  EXPECT_TRUE(session_->next_outcome());
  EXPECT_TRUE(session_->next_outcome());
  EXPECT_TRUE(becomes([&] { return state() == "1=v1 2=v2 3=v3 4=v4 "; })) << state();
}

TEST_F(SnowflakeDestinationTest, a_view_remembers_nothing_for_merges) {
  options_.current_state = SnowflakeOptions::CurrentState::view;
  open();
  const auto schema = users();
  make_table(schema);
  deliver_at(100, insert(schema, 1, 100));
  for (std::uint64_t lsn = 200; lsn < 210; ++lsn) {
    const auto id = static_cast<std::int64_t>(lsn);
    deliver_at(lsn,
               live(ChunkMaker(schema)
                        .row(RowOp::old_image, {n(lsn == 200 ? 1 : id - 1), kAbsent, kAbsent}, lsn, 0)
                        .row(RowOp::update, {n(id), s("x"), kAbsent}, lsn, 0)),
               Truncate{1, {}, {1, Lsn{lsn}, 1}, 0, {}});
  }
  const auto entries = ledgers_["p"].load_ledger("p");
  const auto fold = nlohmann::json::parse(entries->at("table/1")).at("fold");
  EXPECT_TRUE(fold.at("truncates").empty()) << fold.dump();
  EXPECT_TRUE(fold.at("lone_key_changes").empty()) << fold.dump();
}

TEST_F(SnowflakeDestinationTest, good_rows_of_a_table_that_stops_are_merged) {
  open();
  const auto schema = users();
  make_table(schema);
  deliver_at(100, insert(schema, 1, 100));
  ASSERT_TRUE(becomes([&] { return state() == "1=v1 "; }));
  deliver_at(200, insert(schema, 2, 200));
  SetTable stop = set(schema, TableState::quarantined);
  stop.record.quarantine = Quarantine{"misfit", "a value", "", "", {1, Lsn{400}, 1}, ""};
  deliver_at(400, insert(schema, 3, 300), insert(schema, 4, 400), std::move(stop));
  close();
  EXPECT_EQ(state(), "1=v1 2=v2 3=v3 ") << "its whole transactions before the bad one";
  open();
  close();
  EXPECT_EQ(state(), "1=v1 2=v2 3=v3 ");
}

TEST_F(SnowflakeDestinationTest, good_rows_of_a_table_with_a_value_that_does_not_fit_are_merged_by_the_next_process_too) {
  open();
  const auto schema =
      shape(1, {"public", "users"}, {column("id", 1, ValueKind::int64), column("name", 2, ValueKind::text), column("bio", 3, ValueKind::json)}, {0});
  make_table(schema);
  const auto row = [&](std::int64_t id, const std::string& bio, std::uint64_t lsn) {
    return live(ChunkMaker(schema).row(RowOp::insert, {n(id), s("v" + std::to_string(id)), s(bio)}, lsn, 0));
  };
  deliver_at(100, row(1, "1", 100));
  ASSERT_TRUE(becomes([&] { return state() == "1=v1 "; }));
  deliver_at(200, row(2, "2", 200));
  const Frontier answer = deliver_at(300, row(3, "{\"a\":1,\"a\":2}", 300));
  ASSERT_EQ(answer.tables.size(), 1U);
  EXPECT_EQ(answer.tables[0].state, TableState::quarantined);
  deliver_at(400, row(4, "4", 400));
  open();
  EXPECT_TRUE(becomes([&] { return state() == "1=v1 2=v2 "; })) << state();
}

TEST_F(SnowflakeDestinationTest, an_oauth_client_outlives_its_access_tokens) {
  emulator_.control("settings", "POST", {{"token_lifetime_seconds", 4}});
  emulator_.control("requests", "DELETE");
  options_.private_key_file.clear();
  options_.role = "DESTINATION_BY_OAUTH";
  options_.oauth_client_id = emulator_.oauth_client_id();
  options_.oauth_client_secret = emulator_.oauth_client_secret();
  options_.oauth_refresh_token = emulator_.oauth_refresh_token();
  options_.merge_interval = std::chrono::seconds(1);
  open();
  const auto schema = users();
  make_table(schema);
  std::int64_t id = 0;
  for (const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(8); std::chrono::steady_clock::now() < end;) {
    const auto lsn = static_cast<std::uint64_t>(++id) * 100;
    const Frontier answer = deliver_at(lsn, insert(schema, id, lsn));
    EXPECT_TRUE(answer.tables.empty());
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  }
  emulator_.control("settings", "POST", {{"token_lifetime_seconds", 600}});
  EXPECT_TRUE(becomes([&] {
    return emulator_.cell("SELECT COUNT(*) || ' ' || COUNT(DISTINCT ID) FROM " + place("USERS")) == std::to_string(id) + " " + std::to_string(id);
  }));
  close();
  int tokens = 0;
  for (const auto& entry : emulator_.look("requests")) {
    EXPECT_NE(entry.at("status"), 401) << entry.dump();
    tokens += entry.at("path") == "/oauth/token-request";
  }
  EXPECT_GE(tokens, 4);
}

}  // namespace
}  // namespace luge::conformance
