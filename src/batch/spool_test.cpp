#include "batch/spool.h"

#include <filesystem>
#include <gtest/gtest.h>
#include <string>
#include <unistd.h>
#include <vector>

#include "batch/spool_test_support.h"
#include "support/small_disk.h"

namespace luge {
namespace {

TEST_F(Spooling, GivesBackWhatCameInTableByTable) {
  Spool spool(options());
  insert(spool, 10, 10, one_, "1");
  insert(spool, 10, 10, two_, "2");
  ASSERT_TRUE(spool.count(10, 10));
  insert(spool, 10, 10, one_, "3");
  insert(spool, 11, 11, one_, "9");
  EXPECT_EQ(spool.open_transactions(), 2U);
  EXPECT_EQ(commit(spool, 10), (Lines{"1: 0=1 3=3", "2: 1=2"}));
  EXPECT_EQ(spool.open_transactions(), 1U);
  EXPECT_EQ(commit(spool, 11), (Lines{"1: 0=9"}));
  EXPECT_EQ(commit(spool, 12), Lines{});
  EXPECT_EQ(spool.memory_bytes(), 0U);
}

TEST_F(Spooling, TruncatesStayBetweenTheRowsOfTheirTable) {
  Spool spool(options());
  insert(spool, 10, 10, one_, "1");
  insert(spool, 10, 10, two_, "2");
  ASSERT_TRUE(spool.truncate(10, 10, 1));
  insert(spool, 10, 10, one_, "3");
  ASSERT_TRUE(spool.truncate(10, 10, 7));
  EXPECT_EQ(commit(spool, 10), (Lines{"1: 0=1", "2: 1=2", "1: T2", "1: 3=3", "7: T4"}));
}

TEST_F(Spooling, AChangeOfShapeEndsAChunk) {
  Spool spool(options());
  insert(spool, 10, 10, one_, "1");
  insert(spool, 10, 10, table(1, 2), "2");
  insert(spool, 10, 10, one_, "3");
  EXPECT_EQ(commit(spool, 10), (Lines{"1: 0=1", "1: 1=2", "1: 2=3"}));
}

TEST_F(Spooling, AnAbortedSubtransactionTakesBackWhatCameAfterItsFirstChange) {
  Spool spool(options());
  insert(spool, 10, 10, one_, "1");
  insert(spool, 10, 11, one_, "2");
  insert(spool, 10, 12, two_, "3");  // nested in 11
  ASSERT_TRUE(spool.truncate(10, 12, 1));
  ASSERT_TRUE(spool.abort(10, 11));
  ASSERT_TRUE(spool.abort(10, 12));  // went with 11
  ASSERT_TRUE(spool.abort(10, 13));  // changed nothing
  insert(spool, 10, 14, one_, "4");
  insert(spool, 10, 15, one_, "5");
  ASSERT_TRUE(spool.abort(10, 15));
  insert(spool, 10, 10, two_, "6");
  EXPECT_EQ(commit(spool, 10), (Lines{"1: 0=1", "1: 1=4", "2: 2=6"}));
}

TEST_F(Spooling, AnAbortedTransactionIsGone) {
  Spool spool(options(0));
  insert(spool, 10, 10, one_, "1");
  insert(spool, 10, 11, one_, "2");
  ASSERT_TRUE(spool.abort(10, 10));
  EXPECT_EQ(spool.open_transactions(), 0U);
  EXPECT_EQ(spool.memory_bytes(), 0U);
  EXPECT_EQ(spool.file_bytes(), 0U);
  EXPECT_EQ(commit(spool, 10), Lines{});
}

TEST_F(Spooling, AMisfitEndsTheTableUntilItIsAborted) {
  Spool spool(options());
  insert(spool, 10, 10, one_, "1");
  insert(spool, 10, 11, one_, "x");
  insert(spool, 10, 11, one_, "3");
  ASSERT_TRUE(spool.truncate(10, 11, 1));
  insert(spool, 10, 11, two_, "4");
  ASSERT_TRUE(spool.abort(10, 11));
  insert(spool, 10, 10, one_, "5");
  insert(spool, 10, 10, one_, "y");
  insert(spool, 10, 10, one_, "6");
  insert(spool, 10, 10, two_, "7");
  EXPECT_EQ(commit(spool, 10), (Lines{"1: 0=1", "1: 1=5", "1: M2", "2: 4=7"}));
}

TEST_F(Spooling, MisfitsNameTheirTableAndColumn) {
  Spool spool(options());
  insert(spool, 10, 10, one_, "x");
  const auto reader = spool.commit(10, {}, 0, {});
  const auto item = reader->next();
  ASSERT_TRUE(item && *item);
  const auto& misfit = std::get<SpooledMisfit>(**item);
  EXPECT_EQ(misfit.table.table, "t1");
  EXPECT_EQ(misfit.misfit.code, "misfit");
  EXPECT_EQ(misfit.misfit.column, "id");
}

TEST_F(Spooling, ClearForgetsEverything) {
  Spool spool(options(0));
  for (int i = 0; i < 10; ++i) insert(spool, 10, 10, one_, "1");
  EXPECT_GT(spool.file_bytes(), 0U);
  spool.clear();
  EXPECT_EQ(spool.open_transactions(), 0U);
  EXPECT_EQ(spool.memory_bytes(), 0U);
  EXPECT_EQ(spool.file_bytes(), 0U);
}

TEST_F(Spooling, MemoryStaysBounded) {
  constexpr std::size_t kMemory = 64U << 10;
  Spool spool(options(kMemory, 100'000));
  for (int i = 0; i < 50'000; ++i) {
    insert(spool, static_cast<Xid32>(10 + i % 3), static_cast<Xid32>(10 + i % 3), i % 2 == 0 ? one_ : two_, "1");
    ASSERT_LE(spool.memory_bytes(), kMemory + 4096);
  }
  EXPECT_GT(spool.file_bytes(), 400'000U);
  std::size_t rows = 0;
  for (Xid32 xid = 10; xid < 13; ++xid) {
    const auto reader = spool.commit(xid, Lsn{1}, 1, {});
    std::map<RelationOid, std::uint64_t> last;
    for (;;) {
      auto item = reader->next();
      ASSERT_TRUE(item);
      if (!*item) break;
      const auto& chunk = std::get<TableChunk>(**item);
      rows += chunk.rows;
      auto [at, fresh] = last.try_emplace(chunk.schema->oid, chunk.ordinals.front());
      EXPECT_TRUE(fresh || at->second < chunk.ordinals.front());
      at->second = chunk.ordinals.back();
    }
  }
  EXPECT_EQ(rows, 50'000U);
  EXPECT_EQ(spool.file_bytes(), 0U);
  EXPECT_EQ(spool.memory_bytes(), 0U);
}

TEST_F(Spooling, AReaderThatIsDroppedGivesItsSpaceBack) {
  Spool spool(options(0));
  for (int i = 0; i < 10; ++i) insert(spool, 10, 10, i % 2 == 0 ? one_ : two_, "1");
  {
    const auto reader = spool.commit(10, {}, 0, {});
    ASSERT_TRUE(reader->next());
    EXPECT_EQ(spool.open_transactions(), 0U);
  }
  EXPECT_EQ(spool.file_bytes(), 0U);
  EXPECT_EQ(spool.memory_bytes(), 0U);
}

TEST_F(Spooling, LeavesNoNameInItsDirectory) {
  const auto directory = std::filesystem::temp_directory_path() / "luge-spool-test";
  std::filesystem::create_directory(directory);
  Spool::Options in_directory = options(0);
  in_directory.directory = directory.string();
  Spool spool(in_directory);
  for (int i = 0; i < 10; ++i) insert(spool, 10, 10, one_, "1");
  EXPECT_GT(spool.file_bytes(), 0U);
  EXPECT_TRUE(std::filesystem::is_empty(directory));
  std::filesystem::remove(directory);
}

TEST_F(Spooling, ReportsADirectoryThatIsNotThereAndMayBeAskedAgain) {
  Spool::Options nowhere = options(0);
  nowhere.directory = "/nonexistent/luge";
  Spool spool(nowhere);
  const std::vector<ValueView> after = {text("1")};
  const TableRow row{1, RowOp::insert, OldTuple::none, {}, after};
  ASSERT_TRUE(spool.append(10, 10, one_, row));
  for (int i = 0; i < 2; ++i) {
    const Status status = spool.append(10, 10, one_, row);
    ASSERT_FALSE(status);
    EXPECT_EQ(status.error().code, "spool_io");
    EXPECT_EQ(status.error().recovery, Recovery::stop_pipeline);
  }
  EXPECT_EQ(commit(spool, 10), (Lines{"1: 0=1"}));  // the refused row was not taken
}

TEST_F(Spooling, AFullDiskIsWorthAnotherTry) {
  const auto directory = std::filesystem::temp_directory_path() / ("luge-spool-full-" + std::to_string(::getpid()));
  std::filesystem::create_directory(directory);
  on_small_disk(directory.string(), "64k", [&] {
    Spool::Options full = options(16U << 10, 500);
    full.directory = directory.string();
    Spool spool(full);
    const std::vector<ValueView> after = {text("1")};
    const TableRow row{1, RowOp::insert, OldTuple::none, {}, after};
    Status status;
    std::size_t taken = 0;
    for (; status && taken < 100'000; ++taken) status = spool.append(10, 10, one_, row);
    --taken;  // the refused one
    ASSERT_FALSE(status);
    EXPECT_EQ(status.error().code, "disk_full");
    EXPECT_EQ(status.error().recovery, Recovery::retry);
    // What was taken is all there, and nothing twice.
    const auto reader = spool.commit(10, {}, 0, {});
    std::size_t rows = 0;
    for (;;) {
      auto item = reader->next();
      ASSERT_TRUE(item) << item.error().message();
      if (!*item) break;
      rows += std::get<TableChunk>(**item).rows;
    }
    EXPECT_EQ(rows, taken);
    // Space that came back can be used.
    EXPECT_TRUE(spool.append(12, 12, one_, row));
  });
  std::filesystem::remove(directory);
}

}  // namespace
}  // namespace luge
