// Random changes against a model that is too simple to be wrong.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <map>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/random.h"
#include "destination/duckdb/log_replay_test_support.h"

namespace luge::mirror_test {
namespace {

/// A source with one keyed table and one without a key. Transactions come as operations, cut anywhere into chunks and batches.
class ModelSource {
 public:
  explicit ModelSource(std::uint64_t seed) : random_(seed) {
    columns_ = {column("id", 1, ValueKind::int64), column("v", 2, ValueKind::text), column("big", 3, ValueKind::text)};
  }

  using Row = std::map<std::int16_t, Value>;  ///< by attnum

  TableSchemaPtr keyed() { return keyed_ ? keyed_ : keyed_ = shape(1, {"public", name_}, columns_, {0}); }
  TableSchemaPtr keyless() const { return keyless_; }

  /// One transaction; `lsn` orders it.
  std::vector<BatchOp> transaction(std::uint64_t lsn, bool shapes) {
    ops_.clear();
    ordinal_ = 0;
    lsn_ = lsn;
    const std::uint64_t changes = 1 + random_.below(40);
    for (std::uint64_t i = 0; i < changes; ++i) {
      if (shapes && random_.chance(1, 60)) change_shape();
      if (random_.chance(1, 150)) truncate();
      if (random_.chance(1, 4)) {
        change_keyless();
      } else {
        change_keyed();
      }
      if (random_.chance(1, 12)) finish_chunks();
    }
    finish_chunks();
    return std::move(ops_);
  }

  std::vector<TableChunk> copy_of_keyed() {
    ChunkMaker maker(keyed());
    for (const auto& [id, row] : rows_) maker.copied(values(row));
    std::vector<TableChunk> out;
    out.push_back(maker.take());
    return out;
  }

  std::vector<std::string> expected_keyed() {
    std::vector<std::string> out;
    for (const auto& [id, row] : rows_) {
      std::string line;
      for (const Value& value : values(row)) line += (line.empty() ? "" : "|") + text(value);
      out.push_back(line);
    }
    std::sort(out.begin(), out.end());
    return out;
  }
  std::vector<std::string> expected_keyless() const {
    std::vector<std::string> out;
    for (const auto& row : bag_) out.push_back(text(row[0]) + "|" + text(row[1]));
    std::sort(out.begin(), out.end());
    return out;
  }
  std::string keyed_name() const { return name_; }
  std::vector<std::int16_t> keyed_attnums() const {
    std::vector<std::int16_t> out;
    for (const ColumnSchema& c : columns_) out.push_back(c.attnum);
    return out;
  }
  std::string keyed_columns() const {
    std::string out;
    for (const ColumnSchema& c : columns_) out += (out.empty() ? "" : ", ") + c.name;
    return out;
  }

 private:
  static std::string text(const Value& value) {
    if (const auto* number = std::get_if<std::int64_t>(&value)) return std::to_string(*number);
    if (const auto* words = std::get_if<std::string>(&value)) return *words;
    return "NULL";
  }

  Value any_value(const ColumnSchema& c) {
    if (random_.chance(1, 6)) return kNull;
    if (c.value.kind == ValueKind::int64) return n(static_cast<std::int64_t>(random_.below(5)));
    return s(std::string(random_.below(30), static_cast<char>('a' + random_.below(26))) + "x");
  }
  std::int64_t any_key() { return static_cast<std::int64_t>(random_.below(30)); }

  std::vector<Value> values(const Row& row) const {
    std::vector<Value> out;
    for (const ColumnSchema& c : columns_) out.push_back(row.at(c.attnum));
    return out;
  }
  std::vector<Value> only_key(std::int64_t id) const {
    std::vector<Value> out(columns_.size(), kAbsent);
    for (std::size_t c = 0; c < columns_.size(); ++c) {
      if (columns_[c].attnum == 1) out[c] = n(id);
    }
    return out;
  }
  ChunkMaker& keyed_chunk() {
    if (!keyed_chunk_) keyed_chunk_.emplace(keyed());
    return *keyed_chunk_;
  }
  ChunkMaker& keyless_chunk() {
    if (!keyless_chunk_) keyless_chunk_.emplace(keyless_);
    return *keyless_chunk_;
  }
  void finish_chunks() {
    if (keyed_chunk_) ops_.emplace_back(Rows{{}, keyed_chunk_->take()});
    if (keyless_chunk_) ops_.emplace_back(Rows{{}, keyless_chunk_->take()});
    keyed_chunk_.reset();
    keyless_chunk_.reset();
  }

  void change_keyed() {
    const std::int64_t id = any_key();
    const auto found = rows_.find(id);
    if (found == rows_.end()) {
      Row row;
      for (const ColumnSchema& c : columns_) row[c.attnum] = c.attnum == 1 ? n(id) : any_value(c);
      keyed_chunk().row(RowOp::insert, values(row), lsn_, ordinal_++, lsn_);
      rows_[id] = row;
      return;
    }
    if (random_.chance(1, 4)) {
      keyed_chunk().row(RowOp::remove, only_key(id), lsn_, ordinal_++, lsn_);
      rows_.erase(found);
      return;
    }
    Row row = found->second;
    std::vector<Value> sent;
    const bool full_image = random_.chance(1, 8);
    std::int64_t new_id = id;
    if (random_.chance(1, 3)) {
      new_id = any_key();
      if (rows_.count(new_id) > 0) new_id = id;
    }
    const std::vector<Value> before = values(row);
    for (const ColumnSchema& c : columns_) {
      if (c.attnum == 1) {
        row[1] = n(new_id);
        sent.push_back(n(new_id));
      } else if (random_.chance(1, 2)) {
        sent.push_back(kAbsent);  // unchanged TOAST
      } else {
        row[c.attnum] = any_value(c);
        sent.push_back(row[c.attnum]);
      }
    }
    if (full_image || new_id != id) keyed_chunk().row(RowOp::old_image, full_image ? before : only_key(id), lsn_, ordinal_, lsn_);
    keyed_chunk().row(RowOp::update, sent, lsn_, ordinal_++, lsn_);
    rows_.erase(found);
    rows_[new_id] = row;
  }

  void change_keyless() {
    const auto fresh = [&] {
      return std::vector<Value>{random_.chance(1, 5) ? kNull : n(static_cast<std::int64_t>(random_.below(3))),
                                random_.chance(1, 5) ? kNull : s(random_.chance(1, 2) ? "a" : "b")};
    };
    if (bag_.empty() || random_.chance(1, 2)) {
      bag_.push_back(fresh());
      keyless_chunk().row(RowOp::insert, bag_.back(), lsn_, ordinal_++, lsn_);
      return;
    }
    const auto at = static_cast<std::ptrdiff_t>(random_.below(bag_.size()));
    if (random_.chance(1, 2)) {
      keyless_chunk().row(RowOp::remove, bag_[static_cast<std::size_t>(at)], lsn_, ordinal_++, lsn_);
      bag_.erase(bag_.begin() + at);
      return;
    }
    auto& row = bag_[static_cast<std::size_t>(at)];
    keyless_chunk().row(RowOp::old_image, row, lsn_, ordinal_, lsn_);
    std::vector<Value> next = fresh();
    std::vector<Value> sent = next;
    if (random_.chance(1, 3)) {
      next[1] = row[1];
      sent[1] = kAbsent;
    }
    keyless_chunk().row(RowOp::update, sent, lsn_, ordinal_++, lsn_);
    row = next;
  }

  void truncate() {
    finish_chunks();
    const bool both = random_.chance(1, 2);
    ops_.emplace_back(Truncate{1, {}, {1, Lsn{lsn_}, ordinal_}, lsn_, {}});
    rows_.clear();
    if (both) {
      ops_.emplace_back(Truncate{2, {}, {1, Lsn{lsn_}, ordinal_}, lsn_, {}});
      bag_.clear();
    }
    ++ordinal_;
  }

  void change_shape() {
    finish_chunks();
    const std::uint64_t what = random_.below(4);
    if (what == 0 || columns_.size() < 3) {
      ColumnSchema added = column("c" + std::to_string(next_attnum_), next_attnum_, random_.chance(1, 2) ? ValueKind::int64 : ValueKind::text);
      ++next_attnum_;
      Value missing = kNull;
      if (random_.chance(1, 2)) {
        missing = any_value(added);
        auto stored = std::make_shared<ArrowColumn>(empty_column(added.value));
        append(*stored, missing);
        added.missing_value = stored;
      }
      for (auto& [id, row] : rows_) row[added.attnum] = missing;
      columns_.push_back(added);
    } else if (what == 1) {
      columns_.erase(columns_.begin() + 1 + static_cast<std::ptrdiff_t>(random_.below(columns_.size() - 1)));
    } else if (what == 2) {
      auto& a = columns_[1 + random_.below(columns_.size() - 1)];
      auto& b = columns_[1 + random_.below(columns_.size() - 1)];
      std::swap(a.name, b.name);
    } else {
      name_ = random_.chance(1, 2) ? "t" : "renamed";
    }
    keyed_.reset();
    while (!keyed_chunk_) change_keyed();  // a shape becomes known with a row of it
    for (ColumnSchema& c : columns_) c.missing_value = c.missing_value && c.attnum + 1 == next_attnum_ ? c.missing_value : nullptr;
  }

  SeededRandom random_;
  std::vector<ColumnSchema> columns_;
  std::string name_ = "t";
  std::int16_t next_attnum_ = 4;
  TableSchemaPtr keyed_;
  const TableSchemaPtr keyless_ = shape(2, {"public", "bag"}, {column("x", 1, ValueKind::int64), column("y", 2, ValueKind::text)}, {});
  std::map<std::int64_t, Row> rows_;
  std::vector<std::vector<Value>> bag_;
  std::vector<BatchOp> ops_;
  std::optional<ChunkMaker> keyed_chunk_;
  std::optional<ChunkMaker> keyless_chunk_;
  std::uint64_t ordinal_ = 0;
  std::uint64_t lsn_ = 0;
};

class MirrorModelTest : public MirrorTest, public ::testing::WithParamInterface<int> {
 protected:
  void expect_equal(ModelSource& source, const std::string& when) {
    if (request_.log_mode) return expect_replay_equal(source, when);
    auto keyed = query("SELECT " + source.keyed_columns() + " FROM public." + source.keyed_name());
    std::sort(keyed.begin(), keyed.end());
    ASSERT_EQ(keyed, source.expected_keyed()) << when;
    auto bag = query("SELECT x, y FROM public.bag");
    std::sort(bag.begin(), bag.end());
    ASSERT_EQ(bag, source.expected_keyless()) << when;
  }
  void expect_replay_equal(ModelSource& source, const std::string& when) {
    LogReplay keyed(source.keyed_attnums(), 1);
    keyed.read(query(LogReplay::statement("public." + source.keyed_name() + "__log", source.keyed_columns())));
    ASSERT_EQ(keyed.rows(), source.expected_keyed()) << when;
    LogReplay bag({1, 2}, 0);
    bag.read(query(LogReplay::statement("public.bag__log", "x, y")));
    ASSERT_EQ(bag.rows(), source.expected_keyless()) << when;
    // Nothing that was in a log ever leaves it.
    const auto rows = [&](const std::string& log) { return std::stoull(query("SELECT count(*) FROM public." + log)[0]); };
    const std::uint64_t all = rows(source.keyed_name() + "__log") + rows("bag__log");
    ASSERT_GE(all, logged_) << when;
    logged_ = all;
  }
  std::uint64_t logged_ = 0;
};

TEST_P(MirrorModelTest, any_cut_of_any_changes_gives_the_source) {
  const auto seed = static_cast<std::uint64_t>(GetParam());
  SeededRandom random(seed * 77);
  ModelSource source(seed);
  if (seed % 2 == 0) options_.checkpoint_wal_bytes = 4U << 10;
  request_.log_mode = seed % 3 == 0;
  open();
  make_table(source.keyed());
  make_table(source.keyless());
  std::uint64_t lsn = 100;
  for (int round = 0; round < 25; ++round) {
    Batch b = batch(lsn);
    const std::uint64_t transactions = 1 + random.below(4);
    for (std::uint64_t t = 0; t < transactions; ++t) {
      lsn += 10;
      for (BatchOp& op : source.transaction(lsn, true)) {
        b.ops.push_back(std::move(op));
        if (!random.chance(1, 10)) continue;
        b.complete = false;  // the transaction goes on in the next batch
        b.checkpoint = {1, Lsn{lsn - 10}, Lsn{lsn - 9}};
        const Frontier part = apply(std::move(b));
        ASSERT_TRUE(part.checkpoint < (Checkpoint{1, Lsn{lsn}, Lsn{lsn}}));
        b = batch(lsn);
      }
    }
    b.checkpoint = {1, Lsn{lsn}, Lsn{lsn + 1}};
    const Frontier frontier = apply(std::move(b));
    ASSERT_EQ(frontier.checkpoint.commit_lsn, Lsn{lsn});
    for (const TableRecord& record : frontier.tables) ASSERT_FALSE(record.quarantine.has_value()) << record.quarantine->reason << " seed " << seed;
    if (random.chance(1, 8)) reopen();
    if (random.chance(1, 3)) expect_equal(source, "seed " + std::to_string(seed) + " round " + std::to_string(round));
    if (HasFatalFailure()) return;
  }
  expect_equal(source, "seed " + std::to_string(seed) + " at the end");
}

/// A copy begins while the source goes on: what it does not see is kept pending, in any shape, and applied at its end.
TEST_P(MirrorModelTest, a_resync_under_any_changes_gives_the_source) {
  const auto seed = static_cast<std::uint64_t>(GetParam());
  SeededRandom random(seed * 131);
  ModelSource source(seed + 1000);
  if (seed % 2 == 0) options_.checkpoint_wal_bytes = 4U << 10;
  request_.log_mode = seed % 3 == 0;
  open();
  make_table(source.keyed());
  make_table(source.keyless());
  std::uint64_t lsn = 100;
  const auto run = [&](Attempt pending_attempt) {
    const std::uint64_t transactions = 1 + random.below(3);
    for (std::uint64_t t = 0; t < transactions; ++t) {
      lsn += 10;
      Batch b = batch(lsn);
      b.ops = source.transaction(lsn, true);
      for (BatchOp& op : b.ops) {
        if (pending_attempt == 0) continue;
        const Route route{Route::Kind::pending, pending_attempt};
        if (auto* rows = std::get_if<Rows>(&op); rows != nullptr && rows->chunk.schema->oid == 1) rows->route = route;
        if (auto* truncate = std::get_if<Truncate>(&op); truncate != nullptr && truncate->oid == 1) truncate->route = route;
      }
      const Frontier frontier = apply(std::move(b));
      for (const TableRecord& record : frontier.tables) ASSERT_FALSE(record.quarantine.has_value()) << record.quarantine->reason << " seed " << seed;
    }
  };
  bool crashed = false;
  for (Attempt attempt = 2; attempt < 7; ++attempt) {
    if (!crashed) run(0);
    apply_ops(lsn, set(source.keyed(), TableState::resyncing, attempt));
    run(attempt);  // before the snapshot: visible in it
    const TableSchemaPtr copied_shape = source.keyed();
    const Snapshot snapshot{lsn + 1, lsn + 1, {}};
    std::vector<TableChunk> copied = source.copy_of_keyed();
    run(attempt);
    copy(copied_shape, attempt, std::move(copied));
    run(attempt);
    crashed = random.chance(1, 3);
    if (crashed) {  // everything of this attempt is forgotten, and the next one begins
      reopen();
      continue;
    }
    const Frontier frontier = apply_ops(lsn, FinishCopy{1, attempt, snapshot, copied_shape, 0});
    for (const TableRecord& record : frontier.tables) ASSERT_FALSE(record.quarantine.has_value()) << record.quarantine->reason << " seed " << seed;
    expect_equal(source, "seed " + std::to_string(seed) + " attempt " + std::to_string(attempt));
    if (HasFatalFailure()) return;
    run(0);
    expect_equal(source, "seed " + std::to_string(seed) + " after attempt " + std::to_string(attempt));
    if (HasFatalFailure()) return;
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, MirrorModelTest, ::testing::Range(1, kModelSeeds + 1));

/// A child applies transactions and is killed without warning; the parent replays from wherever the file stands.
TEST_F(MirrorModelTest, a_killed_process_leaves_whole_transactions) {
  SeededRandom random(4711);
  for (int life = 0; life < 6; ++life) {
    int ready[2];
    ASSERT_EQ(::pipe(ready), 0);
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      ::close(ready[0]);
      const Frontier frontier = open();
      ModelSource source(99);
      if (frontier.tables.empty()) {
        make_table(source.keyed());
        make_table(source.keyless());
      }
      for (std::uint64_t lsn = 100; lsn < 100 + 10 * 400; lsn += 10) {
        Batch b = batch(lsn);
        b.ops = source.transaction(lsn, true);
        const bool split = b.ops.size() > 1 && lsn % 30 == 0 && lsn > frontier.checkpoint.commit_lsn.value;
        if (split) {
          Batch part = batch(lsn - 10, false);
          part.ops.push_back(std::move(b.ops.front()));
          b.ops.erase(b.ops.begin());
          apply(std::move(part));
        }
        if (lsn > frontier.checkpoint.commit_lsn.value || lsn % 50 == 0) apply(std::move(b));  // some are replayed on purpose
        if (::write(ready[1], "x", 1) != 1) ::_exit(1);
      }
      ::_exit(0);
    }
    ::close(ready[1]);
    char seen = 0;
    const std::uint64_t until = 20 + random.below(60);
    for (std::uint64_t i = 0; i < until && ::read(ready[0], &seen, 1) == 1; ++i) {
    }
    ::usleep(static_cast<useconds_t>(random.below(8000)));
    ::kill(child, SIGKILL);
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ::close(ready[0]);
    ASSERT_TRUE(WIFSIGNALED(status) || WEXITSTATUS(status) == 0);

    const Frontier frontier = open();
    ModelSource source(99);
    for (std::uint64_t lsn = 100; lsn <= frontier.checkpoint.commit_lsn.value; lsn += 10) (void)source.transaction(lsn, true);
    for (const TableRecord& record : frontier.tables) ASSERT_FALSE(record.quarantine.has_value()) << record.quarantine->reason;
    if (frontier.tables.size() == 2) expect_equal(source, "life " + std::to_string(life));
    if (HasFatalFailure()) return;
    if (life % 2 == 0) {
      ASSERT_TRUE(destination_->close().has_value());  // folds the log into the file
    }
    destination_.reset();
  }
}

}  // namespace
}  // namespace luge::mirror_test
