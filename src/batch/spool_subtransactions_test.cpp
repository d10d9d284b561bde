#include "batch/spool_subtransactions.h"

#include <algorithm>
#include <gtest/gtest.h>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "batch/spool_test_support.h"

namespace luge {
namespace {

/// A subtransaction gets its xid when it or one inside it first writes, and its children's changes may come before its own.
TEST_F(Spooling, AnAbortedSubtransactionTakesBackWhatWasReleasedIntoIt) {
  Spool spool(options());
  insert(spool, 10, 10, one_, "1");
  insert(spool, 10, 12, one_, "2");  // inside 11, which has written nothing
  insert(spool, 10, 13, two_, "3");  // the same, after 12 was released
  insert(spool, 10, 11, one_, "4");
  insert(spool, 10, 14, one_, "5");
  for (const Xid32 gone : {12U, 13U, 14U, 11U}) ASSERT_TRUE(spool.abort(10, gone));  // as the server names them
  insert(spool, 10, 15, two_, "6");
  EXPECT_EQ(commit(spool, 10), (Lines{"1: 0=1", "2: 1=6"}));
}

TEST_F(Spooling, SubtransactionsAreRecognisedAcrossTheEndOfXids) {
  Spool spool(options());
  constexpr Xid32 kTop = UINT32_MAX - 1;
  insert(spool, kTop, kTop, one_, "1");
  insert(spool, kTop, UINT32_MAX, one_, "2");
  insert(spool, kTop, 3, one_, "3");
  insert(spool, kTop, 4, one_, "4");
  ASSERT_TRUE(spool.abort(kTop, 3));
  EXPECT_EQ(commit(spool, kTop), (Lines{"1: 0=1 1=2"}));
}

TEST_F(Spooling, ASubtransactionThatFindsNoRoomMayBeTriedAgain) {
  Spool::Options nowhere = options();
  nowhere.directory = "/nonexistent/luge";
  nowhere.subtransaction_block = 1;
  Spool spool(nowhere);
  insert(spool, 10, 11, one_, "1");
  insert(spool, 10, 12, one_, "2");
  const std::vector<ValueView> after = {text("3")};
  const TableRow row{1, RowOp::insert, OldTuple::none, {}, after};
  for (int i = 0; i < 2; ++i) {
    const Status status = spool.append(10, 13, one_, row);
    ASSERT_FALSE(status);
    EXPECT_EQ(status.error().code, "spool_io");
    EXPECT_FALSE(spool.truncate(10, 13, 1));
    EXPECT_FALSE(spool.count(10, 13));
  }
  insert(spool, 10, 12, one_, "4");
  EXPECT_EQ(commit(spool, 10), (Lines{"1: 0=1 1=2 2=4"}));
}

/// A loop of blocks with an exception handler, inside one more: each round is a subtransaction, and every fifth fails.
TEST_F(Spooling, MillionsOfSubtransactionsStayBounded) {
  constexpr std::size_t kMemory = 2U << 20;
  constexpr Xid32 kRounds = 2'000'000;
  Spool spool(options(kMemory, 10'000));
  insert(spool, 10, 10, one_, "0");
  insert(spool, 10, 11, one_, "0");  // around the loop
  std::size_t most = 0;
  std::uint64_t survive = 2;
  for (Xid32 round = 1; round <= kRounds; ++round) {
    const Xid32 subxid = 11 + round;
    const bool fails = round % 5 == 0;
    insert(spool, 10, subxid, one_, fails ? "-1" : "1");
    if (fails) {
      ASSERT_TRUE(spool.abort(10, subxid));
    } else {
      ++survive;
    }
    most = std::max(most, spool.memory_bytes());
  }
  EXPECT_LE(most, kMemory + (256U << 10));
  EXPECT_GT(spool.file_bytes(), 16U << 20);

  // Half of them were inside one that fails now: the server names them all, in the order of their xids.
  constexpr Xid32 kFirstGone = 11 + kRounds / 2 + 1;
  for (Xid32 subxid = kFirstGone; subxid <= 11 + kRounds; ++subxid) {
    if ((subxid - 11) % 5 == 0) continue;
    ASSERT_TRUE(spool.abort(10, subxid));
  }
  survive -= kRounds / 2 / 5 * 4;
  insert(spool, 10, 12 + kRounds, one_, "2");

  const auto reader = spool.commit(10, Lsn{1}, 1, {});
  std::uint64_t ordinal = 0;
  for (;;) {
    auto item = reader->next();
    ASSERT_TRUE(item) << item.error().message();
    if (!*item) break;
    const auto& chunk = std::get<TableChunk>(**item);
    for (std::uint32_t row = 0; row < chunk.rows; ++row, ++ordinal) {
      ASSERT_EQ(chunk.ordinals[row], ordinal);
      ASSERT_EQ(chunk.columns[0].values.as<std::int32_t>()[row], ordinal < 2 ? 0 : ordinal == survive ? 2 : 1);
    }
  }
  EXPECT_EQ(ordinal, survive + 1);
  EXPECT_EQ(spool.file_bytes(), 0U);
  EXPECT_EQ(spool.memory_bytes(), 0U);
}

/// A loop of TRUNCATE and INSERT: what is known of each piece stays in memory, also where it is more than the spool may have.
TEST_F(Spooling, WhatMustStayInMemoryIsCounted) {
  Spool spool(options(64U << 10));
  for (int i = 0; i < 2000; ++i) {
    insert(spool, 10, 10, one_, "1");
    ASSERT_TRUE(spool.truncate(10, 10, 1));
  }
  EXPECT_GT(spool.memory_bytes(), 4000 * sizeof(void*) * 4);
  std::size_t items = 0;
  const auto reader = spool.commit(10, {}, 0, {});
  while (const auto item = reader->next().value()) ++items;
  EXPECT_EQ(items, 4000U);
  EXPECT_EQ(spool.memory_bytes(), 0U);
}

/// The source's side of one transaction, plainly: a tree of savepoints, xids as PostgreSQL gives them, rows that know who wrote them.
class SavepointModel {
 public:
  struct Change {
    Xid32 subxid = 0;
    RelationOid oid = 0;
    char kind = 'i';  // i, t, m, - (counts only)
    int value = 0;
  };

  void savepoint() { open_.emplace_back(); }
  std::size_t depth() const { return open_.size() - 1; }
  void release() {
    const Savepoint done = take();
    std::vector<Xid32>& heirs = open_.back().released;
    if (done.xid != 0) heirs.push_back(done.xid);
    heirs.insert(heirs.end(), done.released.begin(), done.released.end());
  }
  /// Returns whom the server names: those that wrote, children in the order of their xids, then the one that fails.
  std::vector<Xid32> roll_back() {
    Savepoint gone = take();
    std::sort(gone.released.begin(), gone.released.end());
    if (gone.xid != 0) gone.released.push_back(gone.xid);
    const auto of = [](Xid32 xid) { return [xid](const Change& change) { return change.subxid == xid; }; };
    std::erase_if(gone.released, [&](Xid32 xid) { return std::none_of(changes_.begin(), changes_.end(), of(xid)); });
    for (const Xid32 xid : gone.released) std::erase_if(changes_, of(xid));
    return gone.released;
  }
  /// Gives the innermost savepoint its xid, after those around it.
  Xid32 lock() {
    for (Savepoint& savepoint : open_) {
      if (savepoint.xid == 0) savepoint.xid = next_xid_++;
    }
    return open_.back().xid;
  }
  void write(Change change) { changes_.push_back(change); }

  /// By table, up to its first value that does not fit: " 0=10 T1 M2".
  std::map<RelationOid, std::string> rows() const {
    std::map<RelationOid, std::string> lines;
    std::map<RelationOid, bool> stopped;
    for (std::size_t ordinal = 0; ordinal < changes_.size(); ++ordinal) {
      const Change& change = changes_[ordinal];
      if (change.kind == '-' || stopped[change.oid]) continue;
      std::string& line = lines[change.oid];
      if (change.kind == 'i') line += " " + std::to_string(ordinal) + "=" + std::to_string(change.value);
      if (change.kind == 't') line += " T" + std::to_string(ordinal);
      if (change.kind == 'm') line += " M" + std::to_string(ordinal);
      stopped[change.oid] = change.kind == 'm';
    }
    return lines;
  }

 private:
  struct Savepoint {
    Xid32 xid = 0;
    std::vector<Xid32> released;
  };
  Savepoint take() {
    Savepoint last = std::move(open_.back());
    open_.pop_back();
    return last;
  }

  std::vector<Savepoint> open_{{10, {}}};
  Xid32 next_xid_ = 11;
  std::vector<Change> changes_;
};

/// Random histories, with no memory at all, some, and plenty.
TEST_F(Spooling, AgreesWithAModelWhateverTheMemory) {
  for (unsigned seed = 1; seed <= 40; ++seed) {
    for (const std::size_t memory : {std::size_t{0}, std::size_t{600}, std::size_t{1} << 20}) {
      SCOPED_TRACE("seed " + std::to_string(seed) + ", memory " + std::to_string(memory));
      std::mt19937 dice(seed);
      Spool::Options small = options(memory, 7);
      small.subtransaction_block = 1 + dice() % 4;
      Spool spool(small);
      SavepointModel model;
      const std::size_t depth = 1 + dice() % 8;
      const auto calm = dice() % 40;  // how seldom savepoints fail
      for (int step = 0; step < 600; ++step) {
        const TableSchemaPtr& schema = dice() % 2 == 0 ? one_ : two_;
        switch (dice() % 16) {
          case 0:
          case 1:
          case 2:
            if (model.depth() < depth) {
              model.savepoint();
            } else {
              model.release();
            }
            break;
          case 3:
            if (model.depth() > 0 && dice() % (calm + 1) == 0) {
              for (const Xid32 subxid : model.roll_back()) ASSERT_TRUE(spool.abort(10, subxid));
            }
            break;
          case 4: model.lock(); break;
          case 5: {
            const Xid32 subxid = model.lock();
            ASSERT_TRUE(spool.truncate(10, subxid, schema->oid));
            model.write({subxid, schema->oid, 't', 0});
            break;
          }
          case 6: {
            const Xid32 subxid = model.lock();
            ASSERT_TRUE(spool.count(10, subxid));
            model.write({subxid, 0, '-', 0});
            break;
          }
          case 7: {
            if (dice() % 8 != 0) break;
            const Xid32 subxid = model.lock();
            insert(spool, 10, subxid, schema, "x");
            model.write({subxid, schema->oid, 'm', 0});
            break;
          }
          default: {
            const Xid32 subxid = model.lock();
            insert(spool, 10, subxid, schema, std::to_string(step));
            model.write({subxid, schema->oid, 'i', step});
            break;
          }
        }
      }
      std::map<RelationOid, std::string> actual;
      for (const std::string& line : commit(spool, 10)) actual[static_cast<RelationOid>(line[0] - '0')] += line.substr(2);
      EXPECT_EQ(actual, model.rows());
      EXPECT_EQ(spool.memory_bytes(), 0U);
      EXPECT_EQ(spool.file_bytes(), 0U);
    }
  }
}

}  // namespace
}  // namespace luge
