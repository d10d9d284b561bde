#pragma once
#include <map>
#include <set>

#include "base/random.h"
#include "conformance/destination_fixture.h"

namespace luge::conformance {

/// Random transactions on one table, and what the table must hold after each. Rows have the shape of users().
class History {
 public:
  struct Change {
    RowOp op = RowOp::insert;  ///< old_image stands for a TRUNCATE
    std::optional<std::int64_t> old_key;
    std::vector<Value> values;
  };
  struct Transaction {
    std::uint64_t lsn = 0;
    std::vector<Change> changes;
  };

  History(std::uint64_t seed, std::size_t transactions) : random_(seed) {
    for (std::size_t i = 1; i <= transactions; ++i) add(100 * i);
  }
  const std::vector<Transaction>& transactions() const { return transactions_; }
  std::size_t changes() const { return changes_; }
  std::vector<std::string> rows() const {
    std::vector<std::string> out;
    for (const auto& [id, row] : table_) out.push_back(std::to_string(id) + "|" + row.first + "|" + row.second);
    std::sort(out.begin(), out.end());
    return out;
  }

 private:
  using Table = std::map<std::int64_t, std::pair<std::string, std::string>>;

  void add(std::uint64_t lsn) {
    Transaction transaction{lsn, {}};
    const std::uint64_t count = random_.chance(1, 8) ? 40 : 1 + random_.below(6);
    for (std::uint64_t i = 0; i < count; ++i) transaction.changes.push_back(change());
    changes_ += transaction.changes.size();
    transactions_.push_back(std::move(transaction));
  }
  std::int64_t some_key() {
    auto row = table_.begin();
    std::advance(row, static_cast<std::ptrdiff_t>(random_.below(table_.size())));
    return row->first;
  }
  std::int64_t new_key() {
    while (true) {
      const auto key = static_cast<std::int64_t>(random_.below(60));
      if (!table_.contains(key)) return key;
    }
  }
  Change change() {
    const std::string text = "v" + std::to_string(++counter_);
    const std::uint64_t die = random_.below(100);
    if (die < 2) {
      table_.clear();
      return {RowOp::old_image, {}, {}};
    }
    if (table_.empty() || (die < 35 && table_.size() < 40)) {
      const std::int64_t key = new_key();
      table_[key] = {text, "bio of " + text};
      return {RowOp::insert, {}, {n(key), s(text), s("bio of " + text)}};
    }
    const std::int64_t key = some_key();
    if (die < 50) {
      table_.erase(key);
      return {RowOp::remove, {}, {n(key), kAbsent, kAbsent}};
    }
    std::pair<std::string, std::string> row = table_[key];
    row.first = text;
    const bool keeps_bio = random_.chance(1, 2);
    if (!keeps_bio) row.second = "NULL";
    const Value bio = keeps_bio ? kAbsent : kNull;
    if (die < 65) {
      const std::int64_t moved = new_key();
      table_.erase(key);
      table_[moved] = row;
      return {RowOp::update, key, {n(moved), s(text), bio}};
    }
    table_[key] = row;
    return {RowOp::update, {}, {n(key), s(text), bio}};
  }

  SeededRandom random_;
  std::uint64_t counter_ = 0;
  std::size_t changes_ = 0;
  Table table_;
  std::vector<Transaction> transactions_;
};

/// Cuts a history into batches, anywhere.
class BatchCutter {
 public:
  BatchCutter(const History& history, TableSchemaPtr schema, SeededRandom& random) : history_(history), schema_(std::move(schema)), random_(random) {}

  /// Goes on behind the transaction that ends at `checkpoint`.
  void go_to(std::uint64_t checkpoint) {
    next_ = checkpoint / 100;
    change_ = 0;
  }
  bool done() const { return next_ >= history_.transactions().size(); }
  bool in_transaction() const { return change_ > 0; }
  std::uint64_t passed() const { return 100 * next_; }

  std::vector<BatchOp> cut() {
    std::vector<BatchOp> ops;
    ChunkMaker maker(schema_);
    const auto flush = [&] {
      if (maker.rows() > 0) ops.emplace_back(live(maker));
      maker = ChunkMaker(schema_);
    };
    for (std::uint64_t left = 1 + random_.below(30); left > 0 && !done(); --left) {
      const History::Transaction& transaction = history_.transactions()[next_];
      const History::Change& change = transaction.changes[change_];
      const std::uint64_t ordinal = change_;
      if (change.op == RowOp::old_image) {
        flush();
        ops.emplace_back(truncate(schema_->oid, transaction.lsn, ordinal, next_ + 1));
      } else {
        if (change.old_key) maker.row(RowOp::old_image, {n(*change.old_key), kAbsent, kAbsent}, transaction.lsn, ordinal, next_ + 1);
        maker.row(change.op, change.values, transaction.lsn, ordinal, next_ + 1);
        if (random_.chance(1, 10)) flush();
      }
      if (++change_ == transaction.changes.size()) {
        change_ = 0;
        ++next_;
        if (random_.chance(1, 3)) break;
      }
    }
    flush();
    return ops;
  }

 private:
  const History& history_;
  TableSchemaPtr schema_;
  SeededRandom& random_;
  std::size_t next_ = 0;
  std::size_t change_ = 0;
};

// Crashes, lost connections and peaceful ends at any moment: every change once, and the table as the source has it.
TEST_P(DestinationConformance, a_random_history_with_crashes) {
  const char* given = std::getenv("LUGE_SEED");
  const std::uint64_t seed = given == nullptr ? 1 : std::strtoull(given, nullptr, 10);
  const auto schema = users();
  const History history(seed, 60);
  SeededRandom random(seed + 1000);
  open();
  make_table(schema);
  BatchCutter cutter(history, schema, random);
  std::uint64_t sealed = 0;
  int crashes = 0;
  int breaks = 0;
  while (!cutter.done() || session_->in_flight() > 0) {
    while (auto outcome = session_->try_take_outcome()) {
      ASSERT_TRUE(*outcome) << outcome->error().message() << " seed " << seed;
      checkpoint_ = std::max(checkpoint_, (*outcome)->checkpoint.commit_lsn.value);
    }
    if (cutter.done() && session_->in_flight() == 0) break;
    if (cutter.done() || session_->in_flight() >= 8) {
      auto outcome = session_->next_outcome();
      ASSERT_TRUE(outcome) << outcome.error().message() << " seed " << seed;
      checkpoint_ = std::max(checkpoint_, outcome->checkpoint.commit_lsn.value);
      continue;
    }
    Batch next = batch(sealed, false);
    next.ops = cutter.cut();
    if (!cutter.in_transaction()) {
      next.complete = true;
      sealed = cutter.passed();
      next.checkpoint = {kEpoch, Lsn{sealed}, Lsn{sealed + 1}};
    }
    session_->submit(std::move(next));
    if (cutter.in_transaction() && random.chance(1, 4)) {
      ++breaks;
      session_->submit(batch_of(sealed, true, AbortOpenTransaction{}));
      cutter.go_to(sealed);
    } else if (random.chance(1, 8)) {
      ++crashes;
      const std::uint64_t promised = checkpoint_;
      const Frontier& again = open();
      ASSERT_GE(again.checkpoint.commit_lsn.value, promised) << "what was promised is there";
      checkpoint_ = sealed = again.checkpoint.commit_lsn.value;
      cutter.go_to(sealed);
    }
  }
  EXPECT_GT(crashes + breaks, 1);
  EXPECT_EQ(rows(schema), history.rows()) << "seed " << seed;
  expect_logged(schema, history.changes());
  EXPECT_EQ(close_and_open().checkpoint.commit_lsn.value, sealed);
  EXPECT_EQ(rows(schema), history.rows()) << "seed " << seed;
}

}  // namespace luge::conformance
