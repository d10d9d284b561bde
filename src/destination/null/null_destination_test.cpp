#include "destination/null/null_destination.h"

#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <stdlib.h>

namespace luge {
namespace {

class NullDestinationTest : public ::testing::Test {
 protected:
  NullDestinationTest() {
    std::string pattern = (std::filesystem::temp_directory_path() / "luge-null-XXXXXX").string();
    directory_ = ::mkdtemp(pattern.data());
  }
  ~NullDestinationTest() override {
    std::error_code ignored;
    std::filesystem::remove_all(directory_, ignored);
  }
  std::string path() const { return directory_ + "/position"; }
  std::string directory_;
};

TEST_F(NullDestinationTest, says_durable_at_once_and_keeps_nothing) {
  NullDestination destination(path());
  OpenRequest request;
  request.fence = 3;
  auto frontier = destination.open(request);
  ASSERT_TRUE(frontier.has_value());
  Batch batch;
  batch.rows = 12;
  batch.complete = false;
  batch.checkpoint = {1, Lsn{10}, Lsn{11}};
  frontier = destination.apply(std::move(batch));
  ASSERT_TRUE(frontier.has_value());
  EXPECT_TRUE(frontier->checkpoint.commit_lsn.is_zero());  // not before its transaction is whole
  Batch rest;
  rest.rows = 1;
  rest.checkpoint = {1, Lsn{20}, Lsn{21}};
  rest.ops.emplace_back(Barrier{9});
  frontier = destination.apply(std::move(rest));
  ASSERT_TRUE(frontier.has_value());
  EXPECT_EQ(frontier->checkpoint, (Checkpoint{1, Lsn{20}, Lsn{21}}));
  ASSERT_EQ(frontier->barriers.size(), 1U);
  EXPECT_EQ(frontier->barriers[0].id, 9U);
  EXPECT_FALSE(frontier->barriers[0]
                   .reader
                   ->query(
                       "SELECT 1", [](const auto&) {}, [](const auto&) {})
                   .has_value());
  EXPECT_EQ(destination.rows(), 13U);
}

TEST_F(NullDestinationTest, copies_vanish_but_are_counted) {
  NullDestination destination(path());
  ASSERT_TRUE(destination.open({}).has_value());
  TableRecord record;
  record.oid = 5;
  record.attempt = 1;
  Batch announce;
  announce.ops.emplace_back(SetTable{record});
  ASSERT_TRUE(destination.apply(std::move(announce)).has_value());
  auto writer = destination.begin_copy(nullptr, 1);
  ASSERT_TRUE(writer.has_value());
  TableChunk chunk;
  chunk.rows = 4;
  ASSERT_TRUE((*writer)->write(std::move(chunk)).has_value());
  ASSERT_TRUE((*writer)->finish().has_value());
  Batch finish;
  finish.ops.emplace_back(FinishCopy{5, 1, {}, nullptr, 0});
  finish.checkpoint = {1, Lsn{20}, Lsn{21}, {Lsn{19}, {-7}}};
  ASSERT_TRUE(destination.apply(std::move(finish)).has_value());
  EXPECT_EQ(destination.rows(), 4U);
  NullDestination later(path());
  auto again = later.open({});
  ASSERT_TRUE(again.has_value());
  ASSERT_EQ(again->tables.size(), 1U);
  EXPECT_EQ(again->tables[0].state, TableState::catching_up);
  EXPECT_EQ(again->checkpoint.witness, (Witness{Lsn{19}, {-7}}));
}

TEST_F(NullDestinationTest, an_intent_does_not_outlive_its_epoch) {
  NullDestination destination(path());
  ASSERT_TRUE(destination.open({}).has_value());
  const auto commit = [&](Epoch epoch, std::uint64_t lsn) {
    Batch batch;
    batch.checkpoint = {epoch, Lsn{lsn}, Lsn{lsn + 1}};
    auto frontier = destination.apply(std::move(batch));
    EXPECT_TRUE(frontier.has_value());
    return frontier ? frontier->intent : Lsn{};
  };
  commit(1, 100);
  ASSERT_TRUE(destination.record_intent({1, Lsn{9000}}).has_value());
  EXPECT_EQ(commit(1, 200), Lsn{9000});
  EXPECT_TRUE(commit(2, 50).is_zero());
  EXPECT_TRUE(NullDestination(path()).open({})->intent.is_zero());
  ASSERT_TRUE(destination.record_intent({2, Lsn{60}}).has_value());
  ASSERT_TRUE(destination.close().has_value());
  EXPECT_EQ(NullDestination(path()).open({})->intent, Lsn{60});
}

TEST_F(NullDestinationTest, a_broken_position_is_not_taken_for_a_new_one) {
  std::ofstream(path()) << "nonsense\n";
  NullDestination destination(path());
  auto refused = destination.open({});
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code, "corrupt");
}

TEST_F(NullDestinationTest, resumes_from_the_last_whole_position_after_a_crash) {
  const auto commit = [](NullDestination& destination, std::uint64_t lsn) {
    Batch batch;
    batch.checkpoint = {1, Lsn{lsn}, Lsn{lsn + 1}};
    return destination.apply(std::move(batch)).has_value();
  };
  NullDestination destination(path());
  ASSERT_TRUE(destination.open({}).has_value());
  TableRecord record;
  record.oid = 5;
  Batch announce;
  announce.ops.emplace_back(SetTable{record});
  announce.checkpoint = {1, Lsn{50}, Lsn{51}};
  ASSERT_TRUE(destination.apply(std::move(announce)).has_value());
  for (std::uint64_t lsn = 100; lsn < 30'100; ++lsn) ASSERT_TRUE(commit(destination, lsn));
  EXPECT_LT(std::filesystem::file_size(path()), 2'000'000U) << "written anew now and then";
  EXPECT_EQ(NullDestination(path()).open({})->checkpoint.commit_lsn, Lsn{30'099});

  std::ofstream(path(), std::ios::app) << "@\t1\t0/9999\t0/99";
  NullDestination later(path());
  const auto resumed = later.open({});
  ASSERT_TRUE(resumed.has_value());
  EXPECT_EQ(resumed->checkpoint.commit_lsn, Lsn{30'099}) << "a torn line says nothing";
  ASSERT_EQ(resumed->tables.size(), 1U);
  ASSERT_TRUE(commit(later, 40'000));
  EXPECT_EQ(NullDestination(path()).open({})->checkpoint.commit_lsn, Lsn{40'000});
}

}  // namespace
}  // namespace luge
