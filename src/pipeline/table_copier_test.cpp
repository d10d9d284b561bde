#include "pipeline/table_copier.h"

#include <atomic>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <set>

#include "decode/pgoutput_decoder.h"
#include "source/libpq_stream.h"
#include "source/publication.h"
#include "source/slot.h"
#include "support/temp_postgres.h"

namespace luge {
namespace {

using testing::HasSubstr;

/// Keeps the int32 of every copied row's first column. Only what a copy calls works.
class CapturingDestination final : public Destination {
 public:
  class Writer final : public CopyWriter {
   public:
    explicit Writer(CapturingDestination& owner) : owner_(owner) {}
    Status write(TableChunk chunk) override {
      const std::lock_guard lock(owner_.mutex_);
      if (!owner_.refusal_.empty()) return fatal(owner_.refusal_, "the destination refuses");
      if (owner_.on_chunk) owner_.on_chunk(chunk);
      for (std::size_t row = 0; row < chunk.rows; ++row) owner_.ids.insert(chunk.columns[0].values.as<std::int32_t>()[row]);
      return ok();
    }
    Status finish() override {
      ++owner_.finished;
      return ok();
    }

   private:
    CapturingDestination& owner_;
  };
  Result<Frontier> open(const OpenRequest& /*request*/) override { return fatal("unused", ""); }
  Result<Frontier> apply(Batch /*batch*/) override { return fatal("unused", ""); }
  Result<std::unique_ptr<CopyWriter>> begin_copy(TableSchemaPtr /*schema*/, Attempt /*attempt*/) override {
    return std::unique_ptr<CopyWriter>(std::make_unique<Writer>(*this));
  }
  Status drop_copy(RelationOid /*oid*/, Attempt /*attempt*/) override { return ok(); }
  Result<std::shared_ptr<ReadHandle>> read() override { return fatal("unused", ""); }
  Status record_intent(const Intent& /*intent*/) override { return ok(); }
  Status begin_epoch(Epoch /*epoch*/) override { return ok(); }
  Status close() override { return ok(); }
  void refuse(std::string code) {
    const std::lock_guard lock(mutex_);
    refusal_ = std::move(code);
  }

  std::function<void(const TableChunk&)> on_chunk;  ///< one at a time
  std::multiset<std::int32_t> ids;
  std::atomic<int> finished = 0;

 private:
  std::mutex mutex_;
  std::string refusal_;
};

class TableCopierTest : public testing::Test {
 protected:
  TableCopierTest() : database_(server_.create_database()) {
    options_.pipeline = database_;
    options_.source = server_.options(database_);
    options_.copy_connections = 3;
    run("CREATE PUBLICATION luge_" + database_);
  }
  void run(const std::string& sql) const { server_.run(sql, database_); }
  RelationOid oid(const std::string& table) const {
    return static_cast<RelationOid>(std::stoul(server_.run("SELECT '" + table + "'::regclass::oid", database_)));
  }
  void start(TableCopier& copier, const std::string& table, Attempt attempt = 1) const { copier.start(oid(table), {"public", table}, attempt); }
  static CopyEvent next_event(TableCopier& copier) {
    for (int attempt = 0; attempt < 3000; ++attempt) {
      if (auto event = copier.try_take_event()) return *std::move(event);
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    ADD_FAILURE() << "no event";
    return CopyFailed{};
  }

  TempPostgres& server_ = TempPostgres::shared();
  std::string database_;
  DriverOptions options_;
  MemoryBudget memory_{64U << 20};
  CapturingDestination destination_;
};

TEST_F(TableCopierTest, copies_a_table_and_says_when_it_is_settled) {
  run("CREATE TABLE t (id int PRIMARY KEY, pad text, n numeric(8,2), j jsonb, i inet); INSERT INTO t SELECT g, repeat('x', 500), g, '{}', '::1' FROM "
      "generate_series(1, 20000) g");
  TableCopier copier(options_, destination_, memory_, [] {});
  start(copier, "t", 7);
  const CopyEvent first = next_event(copier);
  ASSERT_TRUE(std::holds_alternative<CopyDone>(first)) << std::get<CopyFailed>(first).error.message();
  const auto& done = std::get<CopyDone>(first);
  EXPECT_EQ(done.attempt, 7U);
  EXPECT_EQ(done.schema->columns.size(), 5U);
  EXPECT_GT(done.file_node, 0U);
  EXPECT_EQ(destination_.ids.size(), 20000U);
  EXPECT_EQ(std::set<std::int32_t>(destination_.ids.begin(), destination_.ids.end()).size(), 20000U);
  EXPECT_EQ(destination_.finished, 1);
  EXPECT_TRUE(copier.progress().empty());
  const CopyEvent second = next_event(copier);
  ASSERT_TRUE(std::holds_alternative<CopySettled>(second));
  EXPECT_EQ(std::get<CopySettled>(second).attempt, 7U);
  EXPECT_FALSE(std::get<CopySettled>(second).lsn.is_zero());
}

TEST_F(TableCopierTest, shows_whom_it_waits_for) {
  run("CREATE TABLE t (id int PRIMARY KEY)");
  Connection writer = server_.connect(database_);
  ASSERT_TRUE(writer.exec("BEGIN"));
  ASSERT_TRUE(writer.exec("INSERT INTO public.t VALUES (1)"));
  TableCopier copier(options_, destination_, memory_, [] {});
  start(copier, "t");
  const std::string pid = "pid " + std::to_string(writer.backend_pid());
  std::string phase;
  for (int attempt = 0; attempt < 1000 && phase.find(pid) == std::string::npos; ++attempt) {
    const auto progress = copier.progress();
    ASSERT_EQ(progress.size(), 1U);
    phase = progress[0].phase;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  EXPECT_THAT(phase, HasSubstr(pid));
  ASSERT_TRUE(writer.exec("COMMIT"));
  EXPECT_TRUE(std::holds_alternative<CopyDone>(next_event(copier)));
  EXPECT_EQ(destination_.ids.size(), 1U);
}

TEST_F(TableCopierTest, builds_within_its_share_of_the_memory) {
  run("CREATE TABLE t (id int PRIMARY KEY, pad text); ALTER TABLE t ALTER pad SET STORAGE EXTERNAL; "
      "INSERT INTO t SELECT g, repeat('x', 500) FROM generate_series(1, 20000) g; INSERT INTO t VALUES (20001, repeat('y', 3000000))");
  MemoryBudget memory(2U << 20);
  constexpr std::size_t kShare = (2U << 20) / 4 / 3;  // of each session
  std::size_t chunks = 0;
  std::size_t large = 0;
  std::size_t most_bytes = 0;
  std::size_t most_used = 0;
  destination_.on_chunk = [&](const TableChunk& chunk) {
    ++chunks;
    EXPECT_LE(chunk.bytes(), memory.used() + chunk.bytes() / 20);
    if (chunk.bytes() > 3'000'000) {
      ++large;
    } else if (large == 0) {
      most_bytes = std::max(most_bytes, chunk.bytes());
      most_used = std::max(most_used, memory.used());
    }
  };
  TableCopier copier(options_, destination_, memory, [] {});
  start(copier, "t");
  const CopyEvent event = next_event(copier);
  ASSERT_TRUE(std::holds_alternative<CopyDone>(event)) << std::get<CopyFailed>(event).error.message();
  EXPECT_EQ(destination_.ids.size(), 20001U);
  EXPECT_GT(chunks, 40U);
  EXPECT_EQ(large, 1U);
  EXPECT_LE(most_bytes, kShare + 4096);
  EXPECT_LE(most_used, 3 * (kShare + 4096));
  EXPECT_EQ(memory.used(), 0U);
}

TEST_F(TableCopierTest, waits_until_the_stream_has_made_room) {
  run("CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES (1)");
  memory_.force_reserve(memory_.limit());  // batches on their way
  TableCopier copier(
      options_, destination_, memory_, [] {}, std::chrono::minutes(5));
  const auto wait_for_phase = [&] {
    for (int attempt = 0; attempt < 1000; ++attempt) {
      const auto progress = copier.progress();
      if (!progress.empty() && progress[0].phase == "waiting for memory") return true;
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    return false;
  };
  start(copier, "t", 1);
  ASSERT_TRUE(wait_for_phase());
  EXPECT_GT(memory_.used(), memory_.limit()) << "the stream sees what the copy wants";
  copier.cancel(oid("t"));
  for (int attempt = 0; attempt < 300 && memory_.used() > memory_.limit(); ++attempt) std::this_thread::sleep_for(std::chrono::milliseconds(10));
  EXPECT_EQ(memory_.used(), memory_.limit());
  EXPECT_TRUE(destination_.ids.empty());

  start(copier, "t", 2);
  ASSERT_TRUE(wait_for_phase());
  EXPECT_TRUE(destination_.ids.empty());
  memory_.release(memory_.limit());
  const CopyEvent event = next_event(copier);
  ASSERT_TRUE(std::holds_alternative<CopyDone>(event));
  EXPECT_EQ(std::get<CopyDone>(event).attempt, 2U);
  EXPECT_EQ(destination_.ids.size(), 1U);
  EXPECT_EQ(memory_.used(), 0U);
}

TEST_F(TableCopierTest, held_it_begins_no_table_and_ends_what_runs) {
  run("CREATE TABLE a (id int PRIMARY KEY); INSERT INTO a VALUES (1); CREATE TABLE b (id int PRIMARY KEY); INSERT INTO b VALUES (2)");
  Connection writer = server_.connect(database_);
  ASSERT_TRUE(writer.exec("BEGIN"));
  ASSERT_TRUE(writer.exec("INSERT INTO public.a VALUES (3)"));
  TableCopier copier(options_, destination_, memory_, [] {});
  const auto phase_of = [&](const std::string& table) {
    for (const CopyProgress& progress : copier.progress()) {
      if (progress.table.table == table) return progress.phase;
    }
    return std::string();
  };
  const auto waits_for_writer = [&] { return phase_of("a").starts_with("waiting for pid"); };
  start(copier, "a", 1);
  for (int attempt = 0; attempt < 1000 && !waits_for_writer(); ++attempt) std::this_thread::sleep_for(std::chrono::milliseconds(10));
  ASSERT_TRUE(waits_for_writer()) << phase_of("a");
  copier.hold(true);
  start(copier, "b", 2);
  EXPECT_EQ(phase_of("b"), "held: the source's disk is nearly full");
  EXPECT_TRUE(waits_for_writer()) << "it had begun";
  ASSERT_TRUE(writer.exec("COMMIT"));
  EXPECT_TRUE(std::holds_alternative<CopyDone>(next_event(copier)));
  EXPECT_TRUE(std::holds_alternative<CopySettled>(next_event(copier)));
  std::this_thread::sleep_for(std::chrono::milliseconds(200));
  EXPECT_FALSE(copier.try_take_event());
  EXPECT_EQ(destination_.ids, (std::multiset<std::int32_t>{1, 3}));
  copier.hold(false);
  const CopyEvent event = next_event(copier);
  ASSERT_TRUE(std::holds_alternative<CopyDone>(event));
  EXPECT_EQ(std::get<CopyDone>(event).attempt, 2U);
  EXPECT_EQ(destination_.ids, (std::multiset<std::int32_t>{1, 2, 3}));
}

TEST_F(TableCopierTest, held_it_can_be_cancelled_and_ended) {
  run("CREATE TABLE a (id int PRIMARY KEY); CREATE TABLE b (id int PRIMARY KEY)");
  TableCopier copier(options_, destination_, memory_, [] {});
  copier.hold(true);
  start(copier, "a");
  start(copier, "b");
  copier.cancel(oid("a"));
  ASSERT_EQ(copier.progress().size(), 1U);
  EXPECT_EQ(copier.progress()[0].table.table, "b");
}

TEST_F(TableCopierTest, does_not_wait_for_ever_for_memory) {
  run("CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES (1)");
  memory_.force_reserve(2 * memory_.limit());  // one row of the stream
  TableCopier copier(
      options_, destination_, memory_, [] {}, std::chrono::milliseconds(100));
  start(copier, "t");
  EXPECT_TRUE(std::holds_alternative<CopyDone>(next_event(copier)));
  EXPECT_EQ(destination_.ids.size(), 1U);
}

TEST_F(TableCopierTest, a_value_that_does_not_fit_stops_the_table_without_showing_it) {
  run("CREATE TABLE t (id int PRIMARY KEY, n numeric(8,2)); INSERT INTO t VALUES (1, 1), (2, 'NaN')");
  TableCopier copier(options_, destination_, memory_, [] {});
  start(copier, "t");
  const CopyEvent event = next_event(copier);
  ASSERT_TRUE(std::holds_alternative<CopyFailed>(event));
  const auto& failed = std::get<CopyFailed>(event);
  EXPECT_EQ(failed.error.recovery, Recovery::quarantine_table);
  EXPECT_EQ(failed.error.code, "misfit");
  ASSERT_TRUE(failed.quarantine);
  EXPECT_EQ(failed.quarantine->column, "n");
  EXPECT_FALSE(failed.read_at.is_zero());
  EXPECT_THAT(failed.error.what, HasSubstr(to_string(failed.read_at)));
  EXPECT_THAT(failed.error.hint, HasSubstr("as: text"));
  EXPECT_EQ(destination_.finished, 0);
}

TEST_F(TableCopierTest, errors_say_whether_to_try_again) {
  const std::string role = "copier_" + database_;
  run("CREATE ROLE " + role + " LOGIN; CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES (1)");
  {
    DriverOptions weak = options_;
    weak.source = server_.options(database_, role);
    TableCopier copier(weak, destination_, memory_, [] {});
    start(copier, "t");
    const CopyEvent event = next_event(copier);
    ASSERT_TRUE(std::holds_alternative<CopyFailed>(event));
    EXPECT_EQ(std::get<CopyFailed>(event).error.recovery, Recovery::quarantine_table);
    EXPECT_THAT(std::get<CopyFailed>(event).error.hint, HasSubstr("GRANT SELECT ON \"public\".\"t\" TO " + role));
  }
  {
    DriverOptions nowhere = options_;
    nowhere.source.set("port", "1");
    TableCopier copier(nowhere, destination_, memory_, [] {});
    start(copier, "t");
    const CopyEvent event = next_event(copier);
    ASSERT_TRUE(std::holds_alternative<CopyFailed>(event));
    EXPECT_EQ(std::get<CopyFailed>(event).error.recovery, Recovery::retry);
  }
  {
    destination_.refuse("disk_full");
    TableCopier copier(options_, destination_, memory_, [] {});
    start(copier, "t");
    const CopyEvent event = next_event(copier);
    ASSERT_TRUE(std::holds_alternative<CopyFailed>(event));
    EXPECT_EQ(std::get<CopyFailed>(event).error.code, "disk_full");
    EXPECT_EQ(std::get<CopyFailed>(event).error.recovery, Recovery::stop_pipeline) << "not the table's fault";
  }
}

TEST_F(TableCopierTest, a_lost_session_is_tried_again) {
  run("CREATE TABLE t (id int PRIMARY KEY)");
  Connection writer = server_.connect(database_);
  ASSERT_TRUE(writer.exec("BEGIN"));
  ASSERT_TRUE(writer.exec("INSERT INTO public.t VALUES (1)"));
  TableCopier copier(options_, destination_, memory_, [] {});
  start(copier, "t");
  const std::string others =
      " FROM pg_stat_activity WHERE datname = current_database() AND pid NOT IN (pg_backend_pid(), " + std::to_string(writer.backend_pid()) + ")";
  while (server_.run("SELECT count(*)" + others, database_) == "0") std::this_thread::sleep_for(std::chrono::milliseconds(10));
  run("SELECT pg_terminate_backend(pid)" + others);
  const CopyEvent event = next_event(copier);
  ASSERT_TRUE(std::holds_alternative<CopyFailed>(event));
  EXPECT_EQ(std::get<CopyFailed>(event).error.recovery, Recovery::retry) << std::get<CopyFailed>(event).error.message();
}

TEST_F(TableCopierTest, a_cancelled_copy_tells_nothing_and_ends_soon) {
  run("CREATE TABLE t (id int PRIMARY KEY); CREATE TABLE u (id int PRIMARY KEY)");
  Connection writer = server_.connect(database_);
  ASSERT_TRUE(writer.exec("BEGIN"));
  ASSERT_TRUE(writer.exec("INSERT INTO public.t VALUES (1)"));
  options_.parallel_copies = 1;
  auto copier = std::make_unique<TableCopier>(options_, destination_, memory_, [] {});
  start(*copier, "t");
  start(*copier, "u");
  std::this_thread::sleep_for(std::chrono::milliseconds(200));
  copier->cancel(oid("t"));
  ASSERT_TRUE(writer.exec("COMMIT"));
  const CopyEvent event = next_event(*copier);
  ASSERT_TRUE(std::holds_alternative<CopyDone>(event));
  EXPECT_EQ(std::get<CopyDone>(event).oid, oid("u"));

  ASSERT_TRUE(writer.exec("BEGIN"));
  ASSERT_TRUE(writer.exec("INSERT INTO public.t VALUES (2)"));
  start(*copier, "t");
  std::this_thread::sleep_for(std::chrono::milliseconds(200));
  const auto before = std::chrono::steady_clock::now();
  copier.reset();
  EXPECT_LT(std::chrono::steady_clock::now() - before, std::chrono::seconds(3));
}

/// Algorithm E against writers that are in the middle of everything: each row comes exactly once, by the copy or by the stream.
TEST_F(TableCopierTest, copy_and_stream_share_the_rows_exactly) {
  const SystemClock clock;
  run("CREATE TABLE t (id int PRIMARY KEY)");
  Connection sql = server_.connect(database_);
  const std::string name = "luge_" + database_;
  ASSERT_TRUE(create_slot(options_.source, {.name = name}, {}));
  std::atomic<bool> done = false;
  std::vector<std::jthread> writers;
  for (int w = 0; w < 4; ++w) {
    writers.emplace_back([&, w] {
      Connection connection = server_.connect(database_);
      for (int i = 0; !done; ++i) {
        const auto insert = [&](int part) {
          return connection.exec("INSERT INTO public.t VALUES (" + std::to_string((w * 100'000 + i) * 2 + part) + ")");
        };
        ASSERT_TRUE(connection.exec("BEGIN") && insert(0));
        if (i % 3 == 0) std::this_thread::sleep_for(std::chrono::milliseconds(i % 20));
        ASSERT_TRUE(connection.exec("SAVEPOINT s") && insert(1));
        ASSERT_TRUE(connection.exec(i % 8 == 0 ? "ROLLBACK TO s" : "RELEASE s"));
        ASSERT_TRUE(connection.exec(i % 10 == 0 ? "ROLLBACK" : "COMMIT"));
      }
    });
  }
  std::this_thread::sleep_for(std::chrono::milliseconds(100));
  ASSERT_TRUE(add_to_publication(sql, name, {{"public", "t"}}));
  TableCopier copier(options_, destination_, memory_, [] {});
  start(copier, "t");
  const CopyEvent copied = next_event(copier);
  ASSERT_TRUE(std::holds_alternative<CopyDone>(copied));
  const Snapshot snapshot = std::get<CopyDone>(copied).snapshot;
  const CopyEvent settled = next_event(copier);
  ASSERT_TRUE(std::holds_alternative<CopySettled>(settled));
  std::this_thread::sleep_for(std::chrono::milliseconds(100));
  done = true;
  writers.clear();
  run("INSERT INTO t VALUES (-1)");  // the last one

  auto stream = LibpqStream::start(*Connection::open(options_.source, Connection::Kind::replication), {.slot = name, .publication = name}, clock);
  ASSERT_TRUE(stream) << stream.error().message();
  PgOutputDecoder decoder;
  std::multiset<std::int32_t> rows = destination_.ids;
  bool visible = false;
  std::size_t dropped = 0;
  for (bool last = false; !last;) {
    const auto frame = (*stream)->try_receive();
    ASSERT_TRUE(frame) << frame.error().message();
    if (!*frame) {
      pollfd entry{(*stream)->readable_fd(), POLLIN, 0};
      ASSERT_GT(poll(&entry, 1, 10'000), 0);
      continue;
    }
    if ((*frame)->kind != WalFrame::Kind::data) continue;
    const auto message = decoder.decode((*frame)->payload);
    ASSERT_TRUE(message) << message.error().message();
    if (const auto* begin = std::get_if<BeginMessage>(&message->body)) visible = snapshot.visible(widen_xid(begin->xid, snapshot.xmax));
    if (const auto* row = std::get_if<RowMessage>(&message->body)) {
      const auto id = static_cast<std::int32_t>(std::stol(std::string(row->row.after[0].bytes)));
      if (visible) {
        ++dropped;
      } else {
        rows.insert(id);
      }
      last = id == -1;
    }
  }
  stream->reset();
  EXPECT_GT(dropped, 0U) << "nothing overlapped: the test tested nothing";
  const auto expected = sql.query("SELECT id FROM public.t ORDER BY id");
  ASSERT_TRUE(expected);
  std::multiset<std::int32_t> source;
  for (std::size_t row = 0; row < expected->rows(); ++row) source.insert(expected->number<std::int32_t>(row, 0));
  EXPECT_EQ(rows, source);
  for (int attempt = 0; attempt < 200 && !drop_slot(sql, name); ++attempt) std::this_thread::sleep_for(std::chrono::milliseconds(20));
}

}  // namespace
}  // namespace luge
