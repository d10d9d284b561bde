#include "state/sqlite/sqlite_state_store.h"

#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "conformance/state_store_conformance.h"
#include "support/file_locks.h"

namespace luge {
namespace {

namespace fs = std::filesystem;

/// A directory of the test's own, gone with the process.
std::string new_directory() {
  struct Directories {
    std::vector<std::string> paths;
    ~Directories() {
      for (const auto& path : paths) fs::remove_all(path);
    }
  };
  static Directories all;
  std::string path = (fs::temp_directory_path() / "luge-state-XXXXXX").string();
  if (::mkdtemp(path.data()) == nullptr) ADD_FAILURE() << "mkdtemp failed";
  all.paths.push_back(path);
  return path;
}

INSTANTIATE_TEST_SUITE_P(Sqlite, StateStoreConformance,
                         testing::Values(StateStoreQuirks{"sqlite", [] { return new_directory() + "/state.db"; },
                                                          [](const std::string& place) -> Result<std::unique_ptr<StateStore>> {
                                                            TRY(std::unique_ptr<StateStore> store, SqliteStateStore::open(place));
                                                            return store;
                                                          }}));

unsigned mode_of(const std::string& path) {
  struct stat facts {};
  EXPECT_EQ(::stat(path.c_str(), &facts), 0) << path;
  return facts.st_mode & 07777U;
}

std::string open_code(const std::string& path) {
  const auto store = SqliteStateStore::open(path);
  return store ? "" : store.error().code;
}

StateRecord record_at(std::uint64_t lsn) {
  StateRecord record;
  record.epoch = 1;
  record.ack_intent = Lsn{lsn};
  record.checkpoint = {1, Lsn{lsn}, Lsn{lsn}};
  return record;
}

TEST(SqliteStateStore, FileAndDirectoriesAreTheOwnersOnly) {
  const std::string base = new_directory();
  ASSERT_EQ(open_code(base + "/a/b/state.db"), "");
  EXPECT_EQ(mode_of(base + "/a"), 0700U);
  EXPECT_EQ(mode_of(base + "/a/b"), 0700U);
  EXPECT_EQ(mode_of(base + "/a/b/state.db"), 0600U);
}

TEST(SqliteStateStore, LedgerChangesTogetherAndOnlyForTheOwner) {
  const std::string path = new_directory() + "/state.db";
  auto store = SqliteStateStore::open(path);
  ASSERT_TRUE(store) << store.error().message();
  const Lease old = *(*store)->acquire("p");
  ASSERT_TRUE((*store)->save_ledger("p", old.fence, {{"a", "1"}, {"b", "2"}}));
  ASSERT_TRUE((*store)->save_ledger("p", old.fence, {{"a", "3"}, {"b", std::nullopt}, {"never", std::nullopt}}));
  EXPECT_EQ(*(*store)->load_ledger("p"), (std::map<std::string, std::string>{{"a", "3"}}));
  EXPECT_TRUE((*store)->load_ledger("other")->empty());

  const Lease lease = *(*store)->acquire("p");
  const Status late = (*store)->save_ledger("p", old.fence, {{"a", "zombie"}});
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().code, "fenced");
  store->reset();
  store = SqliteStateStore::open(path);
  EXPECT_EQ((*store)->load_ledger("p")->at("a"), "3");
  ASSERT_TRUE((*store)->remove(lease));
  EXPECT_TRUE((*store)->load_ledger("p")->empty());
}

TEST(SqliteStateStore, WhatIsNotSqliteIsCorrupt) {
  const std::string path = new_directory() + "/state.db";
  std::ofstream(path) << std::string(4096, 'x');
  EXPECT_EQ(open_code(path), "state_corrupt");
}

TEST(SqliteStateStore, DamageIsNoticedWhereverItIs) {
  const std::string path = new_directory() + "/state.db";
  {
    auto store = SqliteStateStore::open(path);
    ASSERT_TRUE(store);
    const Lease lease = *(*store)->acquire("luge");
    ASSERT_TRUE((*store)->save(lease, record_at(0xABCDEF)));
  }
  std::string bytes;
  {
    std::ifstream file(path, std::ios::binary);
    bytes.assign(std::istreambuf_iterator<char>(file), {});
  }
  const std::size_t place = bytes.find("0/ABCDEF");
  ASSERT_NE(place, std::string::npos);
  bytes[place + 2] = 'B';  // an LSN that reads well and is wrong
  std::ofstream(path, std::ios::binary) << bytes;
  auto store = SqliteStateStore::open(path);
  ASSERT_TRUE(store);
  EXPECT_EQ((*store)->load("luge").error().code, "state_corrupt");
}

TEST(SqliteStateStore, NewerFormatIsRefused) {
  const std::string path = new_directory() + "/state.db";
  ASSERT_EQ(open_code(path), "");
  {
    std::fstream file(path, std::ios::binary | std::ios::in | std::ios::out);
    file.seekp(60);  // user_version, big-endian, in the header of an SQLite file
    file.write("\0\0\0\x09", 4);
  }
  EXPECT_EQ(open_code(path), "state_newer");
}

TEST(SqliteStateStore, ASecondConnectionOfTheProcessLeavesTheFirstItsLocks) {
  const std::string path = new_directory() + "/state.db";
  const auto first = SqliteStateStore::open(path);
  ASSERT_TRUE(first);
  ASSERT_TRUE(is_locked_by_us(path));
  const auto second = SqliteStateStore::open(path);
  ASSERT_TRUE(second);
  EXPECT_TRUE(is_locked_by_us(path));
}

TEST(SqliteStateStore, UnwritableDirectoryIsNamed) {
  const auto store = SqliteStateStore::open("/proc/none/state.db");
  ASSERT_FALSE(store);
  EXPECT_EQ(store.error().code, "state_unwritable");
  EXPECT_NE(store.error().what.find("/proc/none"), std::string::npos);
}

TEST(SqliteStateStore, ReadingOnlyLeavesNothingBehind) {
  const std::string path = new_directory() + "/state.db";
  const auto store = SqliteStateStore::open_existing(path);
  ASSERT_FALSE(store);
  EXPECT_EQ(store.error().code, "state_missing");
  EXPECT_FALSE(fs::exists(path));
}

TEST(SqliteStateStore, ASaveSurvivesAKill) {
  const std::string path = new_directory() + "/state.db";
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    auto store = SqliteStateStore::open(path);
    const bool saved = store && (*store)->save(*(*store)->acquire("luge"), record_at(77)).has_value();
    ::kill(::getpid(), saved ? SIGKILL : SIGTERM);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_EQ(WTERMSIG(status), SIGKILL);
  auto store = SqliteStateStore::open(path);
  ASSERT_TRUE(store);
  EXPECT_EQ((**(*store)->load("luge")).ack_intent, Lsn{77});
}

}  // namespace
}  // namespace luge
