#include "pipeline/pipeline.h"

#include <algorithm>
#include <deque>
#include <gtest/gtest.h>
#include <string>
#include <vector>

#include "support/wire_writer.h"

namespace luge {
namespace {

constexpr RelationOid kTable = 16401;

CatalogTable catalog_table() {
  auto type = std::make_shared<PgType>();
  type->oid = pg_oid::kInt4;
  type->schema = "pg_catalog";
  type->name = "int4";
  CatalogColumn id;
  id.attnum = 1;
  id.name = "id";
  id.type = std::move(type);
  CatalogTable table;
  table.oid = kTable;
  table.name = {"public", "t"};
  table.primary_key = {1};
  table.columns = {id};
  table.published = true;
  return table;
}

struct SetClock final : Clock {
  Instant now() const override { return instant; }
  PgTimestamp wall_now() const override { return {instant.micros}; }
  Instant instant{1'000'000};
};

struct FakeStream final : ReplicationStream {
  Result<std::optional<WalFrame>> try_receive() override {
    if (frames.empty()) return std::optional<WalFrame>();
    current = std::move(frames.front());
    frames.pop_front();
    WalFrame frame;
    frame.payload = current;
    return std::optional<WalFrame>(frame);
  }
  Status send_feedback(const Feedback& /*feedback*/) override { return ok(); }
  bool wants_write() const override { return false; }
  int readable_fd() const override { return -1; }
  const StreamOptions& options() const override { return stream_options; }

  StreamOptions stream_options;
  std::deque<std::string> frames;
  std::string current;
};

/// Takes everything and answers when it is told to.
struct FakeSink final : BatchSink {
  bool try_submit(Batch& batch) override {
    if (full) return false;
    rows.push_back(batch.rows);
    waiting.push_back(std::move(batch));
    return true;
  }
  std::optional<Result<Frontier>> try_take_outcome() override {
    if (answers.empty()) return std::nullopt;
    Result<Frontier> answer = std::move(answers.front());
    answers.pop_front();
    return answer;
  }
  std::size_t in_flight() const override { return waiting.size() + answers.size(); }
  bool pipelined() const override { return late; }
  void answer(Duration busy) {
    Frontier frontier;
    frontier.checkpoint = waiting.front().checkpoint;
    frontier.busy = busy;
    waiting.pop_front();
    answers.emplace_back(std::move(frontier));
  }

  std::vector<std::uint64_t> rows;  ///< of every batch that was handed over
  std::deque<Batch> waiting;
  std::deque<Result<Frontier>> answers;
  bool late = false;
  bool full = false;
};

struct FakeState final : StateSink {
  bool try_save(Lsn ack_intent, Lsn /*quiet_since*/, const Checkpoint& /*checkpoint*/) override {
    saved = ack_intent;
    return true;
  }
  std::optional<Result<Lsn>> try_take_saved() override { return Result<Lsn>(saved); }
  Lsn saved;
};

struct FakeCatalog final : CatalogPort {
  bool try_request(RelationOid /*oid*/, std::vector<Oid> /*types*/) override { return true; }
  std::optional<Answer> try_take_answer() override {
    return Answer{kTable, std::optional<CatalogTable>(catalog_table()), Snapshot{1'000'000, 1'000'000, {}}};
  }
  bool server_stops() const override { return stops; }
  bool stops = false;
};

struct NoCopies final : CopyPort {
  void start(RelationOid /*oid*/, const TableName& /*name*/, Attempt /*attempt*/) override {}
  void watch_settled(RelationOid /*oid*/, Attempt /*attempt*/, const Snapshot& /*snapshot*/) override {}
  void cancel(RelationOid /*oid*/) override {}
  std::optional<CopyEvent> try_take_event() override { return std::nullopt; }
};

struct FakeFinder final : TableFinder {
  std::optional<TableEvent> try_take_event() override { return std::exchange(event, std::nullopt); }
  std::optional<TableEvent> event;
};

/// One live table, and a destination that is as slow as a test wants it. How large the batches become is what is looked at.
class BatchAdaptation : public testing::Test {
 protected:
  static constexpr Duration kFill = std::chrono::milliseconds(500);
  static constexpr std::uint64_t kFull = 100;

  void start() {
    PipelineOptions options;
    options.batch_max_size = kFull;
    options.batch_max_fill = kFill;
    options.frames_per_step = frames_per_step_;
    PipelineStart start;
    start.epoch = 1;
    start.ack_intent = Lsn{100};
    start.frontier.checkpoint = {1, Lsn{90}, Lsn{100}};
    TableRecord record;
    record.oid = kTable;
    record.name = {"public", "t"};
    record.state = TableState::live;
    record.attempt = 1;
    start.frontier.tables = {record};
    pipeline_ = std::make_unique<Pipeline>(options, PipelinePorts{sink_, state_, catalog_, copies_, finder_, clock_, memory_}, std::move(start));
    SessionFacts facts;
    facts.slot.exists = true;
    facts.slot.confirmed_flush = Lsn{100};
    facts.next_xid = 1000;
    session_ = facts;
    pipeline_->start_session(stream_, facts);
    stream_.frames.push_back(
        WireWriter().u8('R').u32(kTable).c_string("public").c_string("t").u8('d').i16(1).u8(1).c_string("id").u32(pg_oid::kInt4).i32(-1).str());
    // The first row waits for the catalog; the tests' own rows do not.
    commit_rows(1);
    while (sink_.waiting.empty()) {
      step();
      pass(std::chrono::milliseconds(1));
    }
    sink_.answer(Duration{0});
    step();
    sink_.rows.clear();
  }
  void begin() {
    lsn_ += 100;
    stream_.frames.push_back(WireWriter().u8('B').u64(lsn_).u64(0).u32(++xid_).str());
  }
  void insert(std::uint64_t rows) {
    for (std::uint64_t i = 0; i < rows; ++i)
      stream_.frames.push_back(WireWriter().u8('I').u32(kTable).u8('N').i16(1).text(std::to_string(++id_)).str());
  }
  void commit() { stream_.frames.push_back(WireWriter().u8('C').u8(0).u64(lsn_).u64(lsn_ + 50).u64(0).str()); }
  void commit_rows(std::uint64_t rows) {
    begin();
    insert(rows);
    commit();
  }
  void pass(Duration time) { clock_.instant = clock_.instant + time; }
  Wait step() {
    auto wait = pipeline_->step();
    EXPECT_TRUE(wait) << wait.error().message();
    return wait ? *wait : Wait{};
  }
  /// A destination that took `busy` for its last batch.
  void last_batch_took(Duration busy) {
    commit_rows(1);
    step();
    pass(kFill);
    step();
    sink_.answer(busy);
    step();
    sink_.rows.clear();
  }
  using Rows = std::vector<std::uint64_t>;

  std::uint32_t frames_per_step_ = 4096;
  SetClock clock_;
  FakeStream stream_;
  FakeSink sink_;
  FakeState state_;
  FakeCatalog catalog_;
  NoCopies copies_;
  FakeFinder finder_;
  MemoryBudget memory_{64U << 20};
  std::unique_ptr<Pipeline> pipeline_;
  SessionFacts session_;

 private:
  std::uint64_t lsn_ = 200;
  std::uint32_t xid_ = 1000;
  int id_ = 0;
};

// A server that was set back answers SQL long before the gap test of the next session has spoken.
TEST_F(BatchAdaptation, WhatTheCatalogSaysWaitsForASession) {
  start();
  pipeline_->end_session();
  finder_.event = TableGone{kTable};
  step();
  EXPECT_TRUE(sink_.waiting.empty());
  EXPECT_EQ(pipeline_->tables().at(0).state, TableState::live);
  EXPECT_FALSE(pipeline_->caught_up(Lsn{1})) << "something is known that the destination was not told";
  finder_.event = PublicationLost{publication_lost("luge_luge", false, Lsn{1}, Lsn{2})};
  const auto lost = pipeline_->step();
  ASSERT_FALSE(lost);
  EXPECT_EQ(lost.error().code, "gap") << "this is told at once";
  session_.slot.confirmed_flush = Lsn{350};  // beyond the witness
  pipeline_->start_session(stream_, session_);
  step();
  EXPECT_EQ(sink_.waiting.size(), 1U);
  EXPECT_EQ(pipeline_->tables().at(0).state, TableState::dropped);
}

TEST_F(BatchAdaptation, WhenItIsQuietWhatThereIsGoesOutAfterTwoMilliseconds) {
  start();
  commit_rows(3);
  const Instant arrived = clock_.now();
  EXPECT_EQ(step().deadline, arrived + std::chrono::milliseconds(2));
  pass(std::chrono::microseconds(1999));
  step();
  EXPECT_EQ(sink_.rows, Rows{});
  pass(std::chrono::microseconds(1));
  step();
  EXPECT_EQ(sink_.rows, Rows{3});
}

TEST_F(BatchAdaptation, TransactionsOfOneLingerShareABatch) {
  start();
  commit_rows(1);
  step();
  pass(std::chrono::milliseconds(1));
  commit_rows(2);
  step();
  pass(std::chrono::milliseconds(1));
  step();
  EXPECT_EQ(sink_.rows, Rows{3});
}

TEST_F(BatchAdaptation, StatusTellsHowLongACommitTookToBecomeDurable) {
  start();
  const PipelineStatus before = pipeline_->status();
  last_batch_took(std::chrono::milliseconds(30));
  const PipelineStatus after = pipeline_->status();
  EXPECT_EQ(after.commit_to_durable.count(), before.commit_to_durable.count() + 1);
  // The tests' transactions are committed at 0.
  EXPECT_EQ(after.commit_to_durable.sum() - before.commit_to_durable.sum(), Duration(clock_.wall_now().micros));
  EXPECT_EQ(after.applying - before.applying, std::chrono::milliseconds(30));
  EXPECT_GT(after.bytes, before.bytes);
}

TEST_F(BatchAdaptation, RowsWaitTwiceAsLongAsTheLastBatchTook) {
  start();
  last_batch_took(std::chrono::milliseconds(30));
  commit_rows(1);
  const Instant arrived = clock_.now();
  EXPECT_EQ(step().deadline, arrived + std::chrono::milliseconds(60));
  pass(std::chrono::milliseconds(59));
  step();
  EXPECT_EQ(sink_.rows, Rows{});
  pass(std::chrono::milliseconds(1));
  step();
  EXPECT_EQ(sink_.rows, Rows{1});
}

TEST_F(BatchAdaptation, NothingWaitsLongerThanTheFillTimeOnceTheDestinationIsFree) {
  start();
  last_batch_took(std::chrono::seconds(20));
  commit_rows(1);
  const Instant arrived = clock_.now();
  EXPECT_EQ(step().deadline, arrived + kFill);
  pass(kFill);
  step();
  EXPECT_EQ(sink_.rows, Rows{1});
}

TEST_F(BatchAdaptation, WhileABatchIsUnderWayRowsGatherAndGoOutTogether) {
  start();
  commit_rows(1);
  step();
  pass(std::chrono::milliseconds(2));
  step();
  ASSERT_EQ(sink_.rows, Rows{1});
  for (int i = 0; i < 20; ++i) {
    commit_rows(2);
    pass(kFill / 10);
    step();
  }
  EXPECT_EQ(sink_.rows, Rows{1}) << "the destination is busy: neither linger nor fill time hands over a small batch";
  sink_.answer(std::chrono::milliseconds(1000));
  step();
  EXPECT_EQ(sink_.rows, (Rows{1, 40}));
}

TEST_F(BatchAdaptation, AFullBatchIsSealedWhateverIsUnderWay) {
  start();
  commit_rows(1);
  step();
  pass(std::chrono::milliseconds(2));
  step();
  commit_rows(kFull);
  step();
  EXPECT_EQ(sink_.rows, (Rows{1, kFull}));
}

TEST_F(BatchAdaptation, LargerBatchesHoldMoreRowsForLongerUntilTheyAreTakenBack) {
  start();
  last_batch_took(std::chrono::seconds(20));
  pass(std::chrono::seconds(1));
  step();  // what is durable is stored
  pipeline_->scale_batches(4);
  commit_rows(kFull);
  const Instant arrived = clock_.now();
  EXPECT_EQ(step().deadline, arrived + 4 * kFill);
  commit_rows(3 * kFull - 1);
  step();
  EXPECT_EQ(sink_.rows, Rows{}) << "one row is missing";
  commit_rows(1);
  step();
  EXPECT_EQ(sink_.rows, Rows{4 * kFull});
  step();  // the end of the last transaction
  sink_.rows.clear();
  commit_rows(2 * kFull);
  step();
  EXPECT_EQ(sink_.rows, Rows{});
  pipeline_->scale_batches(1);
  step();
  EXPECT_EQ(sink_.rows, Rows{2 * kFull}) << "what is too large now goes out as it is";
}

TEST_F(BatchAdaptation, LargerBatchesTakeNoMoreMemory) {
  start();
  pipeline_->scale_batches(4);
  memory_.force_reserve(memory_.limit());
  commit_rows(10);
  step();
  EXPECT_EQ(sink_.rows, Rows{1}) << "a batch is full when the memory is";
  memory_.release(memory_.limit());
}

TEST_F(BatchAdaptation, AStreamThatNeverRunsDryIsCutByTheFillTimeAlone) {
  frames_per_step_ = 3;
  start();
  for (int i = 0; i < 40; ++i) commit_rows(1);
  for (int i = 0; i < 10; ++i) {
    step();
    pass(kFill / 10);
  }
  EXPECT_EQ(sink_.rows, Rows{}) << "there is more to read: it would linger for nothing";
  step();
  ASSERT_EQ(sink_.rows.size(), 1U);
  EXPECT_EQ(sink_.rows[0], 11U);
}

TEST_F(BatchAdaptation, TimeNeverEndsABatchInsideATransaction) {
  start();
  begin();
  insert(5);
  step();
  for (int i = 0; i < 5; ++i) {
    pass(kFill);
    EXPECT_GT(step().deadline, clock_.now());
  }
  EXPECT_EQ(sink_.rows, Rows{});
  commit();
  step();
  EXPECT_EQ(sink_.rows, Rows{5});
}

TEST_F(BatchAdaptation, ADestinationThatAnswersLateGetsABatchPerFillTime) {
  sink_.late = true;
  start();
  commit_rows(1);
  EXPECT_EQ(step().deadline, clock_.now() + kFill);
  pass(kFill);
  step();
  commit_rows(2);
  step();
  pass(kFill - std::chrono::microseconds(1));
  step();
  EXPECT_EQ(sink_.rows, Rows{1});
  pass(std::chrono::microseconds(1));
  step();
  EXPECT_EQ(sink_.rows, (Rows{1, 2})) << "the first is not answered, and holds nothing back";
}

TEST_F(BatchAdaptation, WhileADestinationTakesNothingNoTimeOfTheOpenBatchWakesAnybody) {
  sink_.late = true;
  start();
  sink_.full = true;
  commit_rows(1);
  step();
  pass(kFill);
  step();  // sealed, and not taken
  commit_rows(1);
  step();
  pass(kFill);
  EXPECT_GT(step().deadline, clock_.now()) << "the driver would turn until there is an answer";
  sink_.full = false;
  step();
  EXPECT_EQ(sink_.rows, (Rows{1, 1}));
}

TEST_F(BatchAdaptation, AHoldThatNobodyTakesBackEndsByItself) {
  start();
  pass(std::chrono::seconds(1));
  step();
  step();  // what is durable is stored and told
  const Instant until = clock_.now() + std::chrono::seconds(3);
  pipeline_->hold(until);
  commit_rows(1);
  const Wait wait = step();
  EXPECT_FALSE(wait.until_readable);
  EXPECT_FALSE(stream_.frames.empty());
  EXPECT_LE(wait.deadline, until) << "nothing else would wake the driver then";
  clock_.instant = until;
  step();
  EXPECT_TRUE(stream_.frames.empty());
}

TEST_F(BatchAdaptation, APausedPipelineLetsAServerStopThatWaitsForIt) {
  start();
  pipeline_->pause(true);
  step();
  catalog_.stops = true;
  const Instant told = clock_.now();
  for (int steps = 0; steps < 10; ++steps) {
    const auto wait = pipeline_->step();
    if (!wait) {
      EXPECT_EQ(wait.error().code, "server_waits");
      EXPECT_EQ(wait.error().recovery, Recovery::reconnect);
      EXPECT_LE(clock_.now() - told, std::chrono::seconds(10));
      return;
    }
    clock_.instant = std::max(clock_.instant, wait->deadline);
  }
  FAIL() << "it would wait for ever";
}

}  // namespace
}  // namespace luge
