#include "destination/duckdb/duckdb_reader.h"

#include <atomic>
#include <filesystem>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <optional>
#include <semaphore>
#include <thread>

#include "destination/duckdb/duckdb_destination.h"
#include "destination/duckdb/mirror_test_support.h"

namespace luge::mirror_test {
namespace {

using std::chrono::steady_clock;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr const char* kEndless = "SELECT count(*) FROM range(100000000000) a, range(1000) b WHERE a.range % 7 <> b.range % 3";
constexpr const char* kEndlessRows = "SELECT a.range, repeat('x', 100) FROM range(100000000000) a";
constexpr auto kSoon = std::chrono::seconds(2);

const auto kNoColumns = [](const std::vector<std::string>&) {};
const auto kNoRow = [](const ReadHandle::Row&) {};

struct DuckdbReaderTest : MirrorTest {
  /// A query on a thread of its own.
  struct Asking {
    Asking(std::shared_ptr<ReadHandle> handle, std::string sql, ReadHandle::OnRow on_row = kNoRow) : reader(std::move(handle)) {
      thread = std::jthread([this, sql = std::move(sql), on_row = std::move(on_row)] { ended.emplace(reader->query(sql, kNoColumns, on_row)); });
    }
    Status wait() {
      thread.join();
      return *ended;
    }
    std::shared_ptr<ReadHandle> reader;
    std::optional<Status> ended;
    std::jthread thread;
  };

  std::shared_ptr<ReadHandle> reader() {
    auto made = destination_->read();
    EXPECT_TRUE(made) << made.error().message();
    return made ? *made : nullptr;
  }
  /// Opens as the pipeline does after a failure: without a close() before.
  void expect_reopens_soon() {
    const auto start = steady_clock::now();
    const auto opened = destination_->open(request_);
    EXPECT_TRUE(opened) << opened.error().message();
    EXPECT_LT(steady_clock::now() - start, kSoon);
  }
  static void expect_closed(const Status& ended, const std::string& why) {
    ASSERT_FALSE(ended);
    EXPECT_EQ(ended.error().code, "closed");
    EXPECT_EQ(ended.error().recovery, Recovery::retry);
    EXPECT_THAT(ended.error().what, HasSubstr(why));
    EXPECT_THAT(ended.error().hint, HasSubstr("ask again"));
  }
};

TEST_F(DuckdbReaderTest, closing_ends_a_query_that_would_not_end) {
  open();
  Asking asking(reader(), kEndless);
  std::this_thread::sleep_for(std::chrono::milliseconds(300));  // it is well under way
  const auto start = steady_clock::now();
  ASSERT_TRUE(destination_->close());
  EXPECT_LT(steady_clock::now() - start, kSoon);
  EXPECT_FALSE(std::filesystem::exists(options_.path + ".wal")) << "nobody reads any more: the file is whole";
  expect_closed(asking.wait(), "stopping");
  expect_reopens_soon();
  expect_closed(asking.reader->query("SELECT 1", kNoColumns, kNoRow), "stopping");  // kept, and inert
  expect_closed(asking.reader->write_file(options_.path + ".copy"), "stopping");
  EXPECT_THAT(query("SELECT 1"), ElementsAre("1"));
}

TEST_F(DuckdbReaderTest, reopening_after_a_failure_ends_all_readers) {
  open();
  std::vector<std::unique_ptr<Asking>> asking;
  for (int i = 0; i < 3; ++i) asking.push_back(std::make_unique<Asking>(reader(), kEndless));
  const auto idle = reader();
  std::this_thread::sleep_for(std::chrono::milliseconds(200));
  expect_reopens_soon();
  for (const auto& one : asking) expect_closed(one->wait(), "reopening");
  expect_closed(idle->query("SELECT 1", kNoColumns, kNoRow), "reopening");
}

TEST_F(DuckdbReaderTest, a_reader_whose_row_is_being_handed_out_holds_nothing_back) {
  open();
  std::binary_semaphore first_row{0};
  std::binary_semaphore go_on{0};
  std::uint64_t rows = 0;
  Asking asking(reader(), kEndlessRows, [&](const ReadHandle::Row& row) {
    if (rows++ > 0) return;
    first_row.release();
    go_on.acquire();  // as a client that reads no further
    EXPECT_EQ(row[1], std::string(100, 'x'));
  });
  first_row.acquire();
  expect_reopens_soon();
  go_on.release();
  expect_closed(asking.wait(), "reopening");
  EXPECT_EQ(rows, 1U);
}

TEST_F(DuckdbReaderTest, rows_that_stream_are_ended_too) {
  open();
  std::atomic<std::uint64_t> rows{0};
  Asking asking(reader(), kEndlessRows, [&](const ReadHandle::Row&) { ++rows; });
  while (rows < 5000) std::this_thread::yield();
  expect_reopens_soon();
  expect_closed(asking.wait(), "reopening");
}

TEST_F(DuckdbReaderTest, a_cancelled_reader_ends_alone) {
  open();
  Asking asking(reader(), kEndless);
  const auto other = reader();
  std::this_thread::sleep_for(std::chrono::milliseconds(100));
  const auto start = steady_clock::now();
  asking.reader->cancel();
  const Status ended = asking.wait();
  EXPECT_LT(steady_clock::now() - start, kSoon);
  ASSERT_FALSE(ended);
  EXPECT_EQ(ended.error().code, "cancelled");
  EXPECT_THAT(query(*other, "SELECT 42"), ElementsAre("42"));
}

TEST_F(DuckdbReaderTest, a_reader_may_be_cancelled_by_its_own_row) {
  open();
  const auto made = reader();
  std::uint64_t rows = 0;
  const Status ended = made->query(kEndlessRows, kNoColumns, [&](const ReadHandle::Row&) {
    if (++rows == 3) made->cancel();
  });
  ASSERT_FALSE(ended);
  EXPECT_EQ(ended.error().code, "cancelled");
  EXPECT_EQ(rows, 3U);
}

// One interruption must do, at whichever moment between the query's call and its end it comes.
TEST_F(DuckdbReaderTest, no_moment_is_too_early_for_a_cancellation) {
  open();
  for (int microseconds = 0; microseconds < 4000; microseconds += 100) {
    Asking asking(reader(), kEndless);
    std::this_thread::sleep_for(std::chrono::microseconds(microseconds));
    const auto start = steady_clock::now();
    asking.reader->cancel();
    const Status ended = asking.wait();
    ASSERT_FALSE(ended);
    ASSERT_EQ(ended.error().code, "cancelled") << ended.error().message();
    ASSERT_LT(steady_clock::now() - start, kSoon);
  }
}

TEST_F(DuckdbReaderTest, readers_that_come_and_go_never_meet_a_closed_database) {
  open();
  std::atomic<std::uint64_t> answers{0};
  std::vector<std::jthread> threads;
  for (int i = 0; i < 3; ++i) {
    threads.emplace_back([&](const std::stop_token& stop) {
      while (!stop.stop_requested()) {
        const auto made = destination_->read();
        if (!made) {
          EXPECT_EQ(made.error().code, "closed") << made.error().message();
          continue;
        }
        std::uint64_t rows = 0;
        const Status ended = (*made)->query("SELECT range FROM range(3000)", kNoColumns, [&](const ReadHandle::Row&) { ++rows; });
        if (ended) {
          EXPECT_EQ(rows, 3000U);
          ++answers;
        } else {
          EXPECT_EQ(ended.error().code, "closed") << ended.error().message();
        }
      }
    });
  }
  for (int round = 0; round < 30; ++round) {
    std::this_thread::sleep_for(std::chrono::milliseconds(round));
    if (round % 2 == 0) {
      ASSERT_TRUE(destination_->close());
    }
    const auto opened = destination_->open(request_);
    ASSERT_TRUE(opened) << opened.error().message();
  }
  threads.clear();
  EXPECT_GT(answers, 0U);
}

TEST_F(DuckdbReaderTest, a_snapshot_file_is_given_up_and_the_old_one_stays) {
  open();
  const auto schema = shape(1, {"public", "wide"}, {column("id", 1, ValueKind::int64), column("text", 2, ValueKind::text)}, {0});
  ChunkMaker rows(schema);
  for (int i = 0; i < 1000; ++i) rows.copied({n(i), s("x")});
  std::vector<TableChunk> chunks;
  chunks.push_back(rows.take());
  make_table(schema, std::move(chunks));
  const std::string path = options_.path + ".copy";
  ASSERT_TRUE(reader()->write_file(path));
  const auto size = std::filesystem::file_size(path);
  const auto held = reader();
  held->cancel();
  EXPECT_FALSE(held->write_file(path));
  EXPECT_EQ(std::filesystem::file_size(path), size);
  EXPECT_FALSE(std::filesystem::exists(path + ".new"));
}

}  // namespace
}  // namespace luge::mirror_test
