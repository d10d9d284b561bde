#include <chrono>
#include <thread>

#include "conformance/destination_fixture.h"
#include "destination/snowflake/snowflake_destination_test_support.h"

namespace luge::conformance {
namespace {

using testing::ElementsAre;
using Json = SnowflakeEmulator::Json;

constexpr auto kStatuses = "bulk-channel-status$";
constexpr auto kStatements = "/api/v2/statements$";

/// What Snowflake and its other users do to an open destination, seen as the pipeline sees it.
class SnowflakeTrouble : public DestinationConformance {
 protected:
  ~SnowflakeTrouble() override {
    session_.reset();
    emulator_.calm();
  }

  /// Answers every request to `path` so.
  void answer(const std::string& path, int status, const std::string& code, const std::string& method = "*", int count = 1'000'000) {
    emulator_.fault({{"kind", "status"}, {"path", path}, {"status", status}, {"code", code}, {"method", method}, {"count", count}});
  }
  std::string log() const { return upper(users()->name.table + "__LOG"); }
  /// Requests that open a channel of the table's log.
  std::string openings() const { return "/schemas/\"?" + place_ + "\"?/pipes/\"?USERS__LOG-STREAMING\"?/channels/[^/]*$"; }
  /// Of this test's tables.
  std::vector<Json> channels() const {
    std::vector<Json> found;
    for (const Json& channel : emulator_.look("channels")) {
      if (channel.at("schema_name") == place_ && channel.at("channel_name").get<std::string>().find("_a0_") != std::string::npos)
        found.push_back(channel);
    }
    return found;
  }
  template <class Done>
  void wait_until(Done done, const std::string& what) {
    for (int i = 0; i < 3000; ++i) {
      if (done()) return;
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    FAIL() << "in vain: " << what;
  }
  std::uint64_t pending() const {
    std::uint64_t rows = 0;
    for (const Json& channel : channels()) rows += channel.at("pending_rows").get<std::uint64_t>();
    return rows;
  }
  std::uint64_t committed() const {
    std::uint64_t rows = 0;
    for (const Json& channel : channels()) rows += channel.at("rows_parsed").get<std::uint64_t>();
    return rows;
  }
  static Rows inserts(std::initializer_list<std::pair<std::int64_t, Value>> rows, std::uint64_t lsn) {
    ChunkMaker maker(users());
    std::uint64_t ordinal = 0;
    for (const auto& [id, name] : rows) maker.row(RowOp::insert, {n(id), name, kNull}, lsn, ordinal++, 5);
    return live(maker);
  }
  /// The answer is an error after which the destination is opened again.
  void expect_reopening(const std::string& code) {
    const auto outcome = session_->next_outcome();
    ASSERT_FALSE(outcome);
    EXPECT_EQ(outcome.error().code, code) << outcome.error().message();
    EXPECT_EQ(outcome.error().recovery, Recovery::retry);
    reopen();
  }
  void reopen() {
    const Status opened = session_->reopen(request(fence_));
    ASSERT_TRUE(opened) << opened.error().message();
  }
  const TableRecord* told(const Frontier& frontier) const {
    for (const TableRecord& record : frontier.tables) {
      if (record.oid == 1) return &record;
    }
    return nullptr;
  }

  SnowflakeEmulator& emulator_ = SnowflakeEmulator::shared();
};

// The token has passed the refused row, and nobody had a look before the end.
TEST_P(SnowflakeTrouble, a_refused_row_of_a_first_batch_survives_a_kill) {
  open();
  make_table(users());
  deliver_at(50);
  emulator_.sql("ALTER TABLE \"" + place_ + "\"." + log() + " ALTER COLUMN \"NAME\" SET NOT NULL");
  answer(kStatuses, 503, "ERR_GENERAL_EXCEPTION_RETRY_REQUEST");
  const auto change = [&] { return inserts({{1, s("a")}, {2, kNull}, {3, s("c")}, {4, s("d")}}, 100); };
  session_->submit(batch_of(100, true, change()));
  wait_until([&] { return committed() == 4; }, "rows to be committed or refused");
  open();
  emulator_.calm();
  const Frontier frontier = deliver_at(100, change());
  ASSERT_NE(told(frontier), nullptr) << "the refused row is neither in the table nor did the table stop";
  EXPECT_EQ(told(frontier)->state, TableState::quarantined);
  EXPECT_EQ(told(frontier)->quarantine->code, "rejected");
  EXPECT_FALSE(told(frontier)->quarantine->position.commit_lsn.is_zero());
}

// The same without a refusal: what came unseen is counted, and nothing comes twice.
TEST_P(SnowflakeTrouble, rows_of_a_first_batch_that_came_unseen_are_not_sent_again) {
  open();
  make_table(users());
  answer(kStatuses, 503, "ERR_GENERAL_EXCEPTION_RETRY_REQUEST");
  const auto change = [&] { return inserts({{1, s("a")}, {2, s("b")}, {3, s("c")}, {4, s("d")}}, 100); };
  session_->submit(batch_of(100, true, change()));
  wait_until([&] { return committed() == 4; }, "rows to be committed");
  open();
  emulator_.calm();
  EXPECT_EQ(told(deliver_at(100, change())), nullptr);
  EXPECT_EQ(told(deliver_at(200, inserts({{5, s("e")}, {6, s("f")}, {7, s("g")}, {8, s("h")}}, 200))), nullptr);
  EXPECT_THAT(rows(users()), testing::SizeIs(8));
  expect_logged(users(), 8);
}

TEST_P(SnowflakeTrouble, rows_that_a_server_took_and_lost_are_sent_again) {
  open();
  make_table(users());
  emulator_.fault({{"kind", "silent"}, {"path", "/rows$"}, {"count", 1}});
  const auto change = [&] { return inserts({{1, s("a")}}, 100); };
  session_->submit(batch_of(100, true, change()));
  expect_reopening("channel_stalled");
  deliver_at(100, change());
  EXPECT_THAT(rows(users()), ElementsAre("1|a|NULL"));
  expect_logged(users(), 1);
}

// Nothing comes behind the rows that the ghost's opening threw away.
TEST_P(SnowflakeTrouble, a_ghost_opens_the_channels_of_an_idle_table) {
  open();
  make_table(users());
  emulator_.control("hold");
  const auto change = [&] { return inserts({{1, s("a")}, {2, s("b")}, {3, s("c")}}, 100); };
  session_->submit(batch_of(100, true, change()));
  wait_until([&] { return pending() == 3; }, "rows to be taken");
  for (const Json& channel : channels()) {
    emulator_.control("reopen", "POST", {{"channel", channel.at("channel_name")}, {"pipe", channel.at("pipe_name")}});
  }
  emulator_.control("release");
  expect_reopening("channel_stalled");
  deliver_at(100, change());
  EXPECT_THAT(rows(users()), ElementsAre("1|a|NULL", "2|b|NULL", "3|c|NULL"));
  expect_logged(users(), 3);
}

TEST_P(SnowflakeTrouble, a_log_is_dropped_while_its_last_rows_are_on_their_way) {
  open();
  make_table(users());
  deliver_at(100, inserts({{1, s("a")}}, 100));
  EXPECT_THAT(rows(users()), ElementsAre("1|a|NULL"));
  emulator_.control("hold");
  const auto change = [&] { return inserts({{2, s("b")}}, 200); };
  session_->submit(batch_of(200, true, change()));
  wait_until([&] { return pending() == 1; }, "the row to be taken");
  emulator_.sql("DROP TABLE \"" + place_ + "\"." + log());
  emulator_.control("release");
  const auto outcome = session_->next_outcome();
  ASSERT_FALSE(outcome);
  EXPECT_TRUE(outcome.error().code == "table_missing" || outcome.error().code == "channel_invalid") << outcome.error().message();
  reopen();
  auto again = batch_of(200, true, change());
  session_->submit(std::move(again));
  if (auto answered = session_->next_outcome(); !answered) {  // the first hint was the channel's
    ASSERT_EQ(answered.error().code, "table_missing");
    reopen();
    deliver_at(200, change());
  }
  checkpoint_ = 200;
  EXPECT_THAT(rows(users()), ElementsAre("1|a|NULL", "2|b|NULL"));
}

// Whoever takes the table away goes on doing so: it stops, and nobody else does.
TEST_P(SnowflakeTrouble, a_log_that_cannot_be_opened_stops_its_table_alone) {
  open();
  make_table(users());
  make_table(users(2, "others"));
  deliver_at(100, inserts({{1, s("a")}}, 100));
  rows(users());
  answer(openings(), 404, "ERR_TABLE_DOES_NOT_EXIST_NOT_AUTHORIZED", "PUT");
  reopen();  // so that its channels are opened again
  int reopenings = 0;
  for (; reopenings < 10; ++reopenings) {
    if (const TableRecord* record = told(session_->opened()); record != nullptr && record->state == TableState::quarantined) break;
    session_->submit(batch_of(200, true, inserts({{2, s("b")}}, 200)));
    const auto outcome = session_->next_outcome();
    ASSERT_FALSE(outcome);
    EXPECT_EQ(outcome.error().code, "table_missing") << outcome.error().message();
    Status opened = session_->reopen(request(fence_));
    for (; !opened && reopenings < 10; ++reopenings) {
      ASSERT_EQ(opened.error().recovery, Recovery::retry) << opened.error().message();
      opened = session_->reopen(request(fence_));
    }
  }
  ASSERT_LT(reopenings, 10) << "it goes on for ever";
  EXPECT_EQ(told(session_->opened())->quarantine->code, "table_missing");
  ChunkMaker maker(users(2, "others"));
  maker.row(RowOp::insert, {n(7), s("x"), kNull}, 200, 0, 5);
  deliver_at(200, live(maker));
  EXPECT_THAT(rows(users(2, "others")), ElementsAre("7|x|NULL"));
}

TEST_P(SnowflakeTrouble, a_pipe_that_takes_nothing_stops_its_table_alone) {
  open();
  make_table(users());
  make_table(users(2, "others"));
  answer(openings(), 400, "ERR_PIPE_IN_INVALID_STATE", "PUT");
  ChunkMaker maker(users(2, "others"));
  maker.row(RowOp::insert, {n(7), s("x"), kNull}, 100, 0, 5);
  const Frontier frontier = deliver_at(100, inserts({{1, s("a")}}, 100), live(maker));
  ASSERT_NE(told(frontier), nullptr);
  EXPECT_EQ(told(frontier)->state, TableState::quarantined);
  EXPECT_EQ(told(frontier)->quarantine->code, "pipe_invalid");
  EXPECT_EQ(told(frontier)->quarantine->position.commit_lsn, Lsn{100});
  EXPECT_THAT(rows(users(2, "others")), ElementsAre("7|x|NULL"));
}

// It will not become another one: nobody waits for it.
TEST_P(SnowflakeTrouble, a_pipe_of_another_kind_stops_its_table_alone_and_at_once) {
  open();
  make_table(users());
  make_table(users(2, "others"));
  answer(openings(), 400, "ERR_PIPE_KIND_NOT_SUPPORTED", "PUT");
  ChunkMaker maker(users(2, "others"));
  maker.row(RowOp::insert, {n(7), s("x"), kNull}, 100, 0, 5);
  const Frontier frontier = deliver_at(100, inserts({{1, s("a")}}, 100), live(maker));
  ASSERT_NE(told(frontier), nullptr);
  EXPECT_EQ(told(frontier)->state, TableState::quarantined);
  EXPECT_EQ(told(frontier)->quarantine->code, "pipe_kind");
  EXPECT_EQ(told(frontier)->quarantine->position.commit_lsn, Lsn{100});
  EXPECT_EQ(emulator_.look("faults").at(0).at("hits"), 1U);
  EXPECT_THAT(rows(users(2, "others")), ElementsAre("7|x|NULL"));
}

TEST_P(SnowflakeTrouble, answers_that_pass) {
  const std::pair<int, std::string> answers[] = {
      {400, "STALE_PIPE_CACHE"}, {409, "ERR_OPEN_CHANNEL_IN_PROGRESS"}, {400, "ERR_PIPE_IN_INVALID_STATE"}};
  open();
  make_table(users());
  std::uint64_t at = 0;
  for (const auto& [status, code] : answers) {
    answer("/channels/[^/]*_a0_[^/]*$", status, code, "PUT", 2);
    at += 100;
    EXPECT_EQ(told(deliver_at(at, inserts({{static_cast<std::int64_t>(at), s("a")}}, at))), nullptr) << code;
    reopen();
  }
  EXPECT_THAT(rows(users()), testing::SizeIs(3));
  expect_logged(users(), 3);
}

// The server accepts requests and never answers: those of a channel's opening, of rows, of states.
TEST_P(SnowflakeTrouble, answers_that_never_come) {
  std::vector<std::string> asked = {kStatuses};
  if (GetParam().name == "rest") asked = {kStatuses, "/channels/[^/]*_a0_[^/]*$", "/channels/[^/]*_a0_[^/]*/rows$"};
  open();
  make_table(users());
  std::uint64_t at = 0;
  for (const std::string& path : asked) {
    emulator_.fault({{"kind", "hang"}, {"path", path}, {"count", 2}});
    at += 100;
    EXPECT_EQ(told(deliver_at(at, inserts({{static_cast<std::int64_t>(at), s("a")}}, at))), nullptr) << path;
    EXPECT_EQ(emulator_.look("faults").at(0).at("hits"), 2U) << path;
    emulator_.calm();
    reopen();
  }
  EXPECT_THAT(rows(users()), testing::SizeIs(asked.size()));
  expect_logged(users(), asked.size());
}

// Each statement of a copy in turn was carried out, and its answer was lost with the connection: to say it again must not undo it.
TEST_P(SnowflakeTrouble, an_answer_to_a_statement_of_a_copy_that_is_lost) {
  open();
  make_table(users());
  Attempt attempt = 1;
  for (int skip = 0;; ++skip) {
    ASSERT_LT(skip, 60);
    ++attempt;
    ChunkMaker maker(users());
    maker.copied({n(attempt), s("copied"), kNull});
    emulator_.fault({{"kind", "drop"}, {"path", kStatements}, {"skip", skip}, {"count", 1}});
    deliver_now(set(users(), TableState::resyncing, attempt));
    copy(users(), attempt, chunks_of(maker));
    deliver_now(FinishCopy{1, attempt, {1, 1, {}}, users(), 7});
    deliver_now(set(users(), TableState::live, attempt));
    const bool lost = emulator_.look("faults").at(0).at("hits") == 1U;
    emulator_.calm();
    EXPECT_THAT(rows(users()), ElementsAre(std::to_string(attempt) + "|copied|NULL")) << "without the answer to statement " << skip;
    if (!lost) break;
  }
  EXPECT_GT(attempt, 8U) << "statements were counted that were none";
}

// The same while a table takes another shape: what cannot be said twice is looked at by a new opening, and what came with it comes again.
TEST_P(SnowflakeTrouble, an_answer_to_a_statement_of_a_new_shape_that_is_lost) {
  open();
  std::uint64_t at = 0;
  bool lost = true;
  for (int skip = 0; lost; ++skip) {
    ASSERT_LT(skip, 60);
    const auto oid = static_cast<RelationOid>(10 + skip);
    const auto before = users(oid, "users_" + std::to_string(skip));
    ColumnSchema city = column("city", 4, ValueKind::text);
    city.missing_value = one_value(city, s("Oslo"));
    const auto after = shape(oid, before->name, {column("id", 1, ValueKind::int64), column("full_name", 2, ValueKind::text), city}, {0});
    make_table(before, chunks_of(ChunkMaker(before).copied({n(1), s("ann"), s("bio")})));
    at += 100;
    deliver_at(at, live(ChunkMaker(before).row(RowOp::insert, {n(2), s("bob"), s("bio")}, at, 0)));
    EXPECT_EQ(rows(before).size(), 2U);
    emulator_.fault({{"kind", "drop"}, {"path", kStatements}, {"skip", skip}, {"count", 1}});
    at += 100;
    const auto change = [&] { return live(ChunkMaker(after).row(RowOp::insert, {n(3), s("cem"), s("Rome")}, at, 0)); };
    session_->submit(batch_of(at, true, change()));
    const auto outcome = session_->next_outcome();
    lost = emulator_.look("faults").at(0).at("hits") == 1U;
    emulator_.calm();
    if (!outcome) {
      EXPECT_EQ(outcome.error().recovery, Recovery::retry) << outcome.error().message();
      reopen();
      deliver_at(at, change());
    }
    checkpoint_ = at;
    EXPECT_THAT(rows(after), ElementsAre("1|ann|Oslo", "2|bob|Oslo", "3|cem|Rome")) << "without the answer to statement " << skip;
  }
}

TEST_P(SnowflakeTrouble, a_channel_that_must_be_opened_again) {
  open();
  make_table(users());
  deliver_at(100, inserts({{1, s("a")}}, 100));
  answer("/rows$", 400, "ERR_CHANNEL_MUST_BE_REOPENED", "POST", 1);
  const auto change = [&] { return inserts({{2, s("b")}}, 200); };
  session_->submit(batch_of(200, true, change()));
  // The SDK keeps it to itself until more rows come.
  expect_reopening(GetParam().name == "sdk" ? "channel_stalled" : "channel_invalid");
  deliver_at(200, change());
  EXPECT_THAT(rows(users()), ElementsAre("1|a|NULL", "2|b|NULL"));
  expect_logged(users(), 2);
}

// `luge verify` while a warehouse is suspended: whoever asked hears it, and the changes go on.
TEST_P(SnowflakeTrouble, a_merge_that_fails_is_the_answer_to_who_asked) {
  open();
  make_table(users());
  deliver_at(100, inserts({{1, s("a")}}, 100));
  answer(kStatements, 422, "000606", "POST");
  Frontier frontier = deliver_at(200, inserts({{2, s("b")}}, 200), Barrier{77});
  ASSERT_EQ(frontier.barriers.size(), 1U);
  EXPECT_EQ(frontier.barriers[0].id, 77U);
  EXPECT_EQ(frontier.barriers[0].reader, nullptr);
  ASSERT_TRUE(frontier.barriers[0].refused);
  EXPECT_EQ(frontier.barriers[0].refused->code, "000606");
  deliver_at(300, inserts({{3, s("c")}}, 300));
  emulator_.calm();
  EXPECT_THAT(rows(users()), ElementsAre("1|a|NULL", "2|b|NULL", "3|c|NULL"));
}

// A grant that was revoked, a key that was replaced: a pipeline that has run goes on asking.
TEST_P(SnowflakeTrouble, a_refused_reopening_is_tried_again) {
  open();
  make_table(users());
  const std::pair<int, std::string> answers[] = {{422, "003001"}, {403, "390403"}, {401, "390144"}};
  for (const auto& [status, code] : answers) {
    answer(kStatements, status, code, "POST");
    const Status refused = session_->reopen(request(fence_));
    ASSERT_FALSE(refused) << status;
    EXPECT_EQ(refused.error().recovery, Recovery::retry) << refused.error().message();
    emulator_.calm();
    reopen();
  }
  // The first opening of a process says it at once.
  answer(kStatements, 422, "003001", "POST");
  auto another = try_open(++fence_);
  ASSERT_FALSE(another);
  EXPECT_EQ(another.error().recovery, Recovery::stop_pipeline);
  emulator_.calm();
}

TEST_P(SnowflakeTrouble, a_reader_ends_with_its_opening) {
  open();
  make_table(users());
  const auto reader = barrier();
  EXPECT_THAT(rows(*reader, users()), testing::IsEmpty());
  reopen();
  const Status late = reader->query(
      "SELECT 1", [](const auto&) {}, [](const auto&) {});
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().code, "closed");
  EXPECT_EQ(late.error().recovery, Recovery::retry);
}

// What another thread asks for while the destination comes and goes.
TEST_P(SnowflakeTrouble, readers_are_asked_for_while_it_is_opened_again) {
  open();
  make_table(users());
  Destination& destination = session_->destination();
  std::atomic<bool> done = false;
  std::jthread asker([&] {
    while (!done) {
      const auto reader = destination.read();
      EXPECT_TRUE(reader || reader.error().recovery == Recovery::retry);
      static_cast<void>(destination.health());
      static_cast<void>(destination.wants_batch());
    }
  });
  for (int i = 0; i < 5; ++i) reopen();
  done = true;
}

// A merge fails after the last batch was answered.
TEST_P(SnowflakeTrouble, a_table_that_stops_by_itself_asks_for_a_batch) {
  open();
  make_table(users());
  EXPECT_FALSE(session_->destination().wants_batch());
  deliver_at(100, inserts({{1, s("a")}}, 100));
  rows(users());
  emulator_.sql("DROP TABLE \"" + place_ + "\"." + upper("users"));
  deliver_at(200, inserts({{2, s("b")}}, 200));
  wait_until([&] { return session_->destination().wants_batch(); }, "the destination to ask for a batch");
  session_->submit(batch(checkpoint_));
  expect_reopening("table_changed_outside");
  const TableRecord* record = told(session_->opened());
  ASSERT_NE(record, nullptr);
  EXPECT_EQ(record->state, TableState::quarantined);
  EXPECT_FALSE(session_->destination().wants_batch());
}

void impatient(SnowflakeOptions& options) {
  options.longest_commit = std::chrono::seconds(4);
  options.settle = std::chrono::seconds(3);
  options.answer = std::chrono::seconds(2);
  options.merge_interval = std::chrono::milliseconds(300);
}

INSTANTIATE_TEST_SUITE_P(Rest, SnowflakeTrouble,
                         testing::Values(snowflake("rest", SnowflakeOptions::Transport::rest, SnowflakeOptions::CurrentState::merge, impatient)));
INSTANTIATE_TEST_SUITE_P(Sdk, SnowflakeTrouble,
                         testing::Values(snowflake("sdk", SnowflakeOptions::Transport::sdk, SnowflakeOptions::CurrentState::merge, impatient)));

}  // namespace
}  // namespace luge::conformance
