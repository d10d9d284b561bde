#include <algorithm>
#include <gtest/gtest.h>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "decode/column_alignment.h"
#include "decode/column_history_test_support.h"

namespace luge {
namespace {

// Random histories: the previous shape, the message and the catalog are three moments of one table's life.
struct Outcomes {
  int right = 0;
  int ambiguous = 0;
  int wrong = 0;
};

void random_ddl(History& table, std::mt19937& random, int& fresh_names) {
  const auto pick = [&](std::size_t count) { return static_cast<std::size_t>(random() % count); };
  const auto names = table.names();
  const auto new_name = [&] {  // names are used again, on purpose
    const std::string old = "c" + std::to_string(pick(static_cast<std::size_t>(fresh_names) + 1));
    return pick(2) == 0 && !table.has(old) ? old : "c" + std::to_string(++fresh_names);
  };
  constexpr Oid kTypes[] = {pg_oid::kInt4, pg_oid::kText, pg_oid::kInt8};
  switch (pick(4)) {
    case 0: table.add(new_name(), kTypes[pick(3)]); break;
    case 1:
      if (names.size() > 1) table.drop(names[pick(names.size())]);
      break;
    case 2: table.rename(names[pick(names.size())], new_name()); break;
    default: table.retype(names[pick(names.size())], kTypes[pick(3)]); break;
  }
}

// Which of the columns that are dropped by now a new one takes is told by nothing, and matters to nobody: it only has to be one that the
// previous shape did not have, and that the table had given out. Everything else must be the truth.
bool right(const Attnums& got, const Attnums& truth, const History& before, const History& now) {
  const CatalogTable catalog = now.catalog();
  const TableSchema previous = before.schema();
  const auto anonymous = [&](std::int16_t attnum) {
    return attnum > previous.newest_attnum && static_cast<std::size_t>(attnum) <= catalog.columns.size() &&
           catalog.columns[static_cast<std::size_t>(attnum - 1)].dropped;
  };
  return std::equal(got.begin(), got.end(), truth.begin(), truth.end(),
                    [&](std::int16_t a, std::int16_t b) { return a == b || (anonymous(a) && anonymous(b)); });
}

Outcomes run_histories(int changes_between, bool newest_known, bool catalog_behind = false, CatalogAge age = CatalogAge::may_be_behind) {
  Outcomes outcomes;
  std::mt19937 random(20240229);
  for (int round = 0; round < 20'000; ++round) {
    History table;
    int fresh_names = 0;
    for (int i = 0; i < 3; ++i) table.add("c" + std::to_string(++fresh_names), i == 1 ? pg_oid::kText : pg_oid::kInt4);
    for (auto i = random() % 6; i > 0; --i) random_ddl(table, random, fresh_names);
    const History before = table;
    const int before_message = static_cast<int>(random() % static_cast<unsigned>(changes_between + 1));
    for (int i = 0; i < before_message; ++i) random_ddl(table, random, fresh_names);
    const History then = table;
    for (int i = before_message; i < changes_between; ++i) random_ddl(table, random, fresh_names);
    const History& written = catalog_behind ? table : then;
    const History& read = catalog_behind ? then : table;
    const ColumnAlignment alignment = align(written, read, &before, newest_known, age);
    if (alignment.kind != ColumnAlignment::Kind::unique)
      ++outcomes.ambiguous;
    else if (right(alignment.attnums, written.attnums(), before, read))
      ++outcomes.right;
    else
      ++outcomes.wrong;
  }
  return outcomes;
}

TEST(ColumnAlignmentHistory, IsNeverWrongAboutTwoChangesAtOnce) {
  for (const bool newest_known : {true, false}) {
    for (int changes = 0; changes <= 2; ++changes) {
      const Outcomes outcomes = run_histories(changes, newest_known);
      EXPECT_EQ(outcomes.wrong, 0) << changes;
      EXPECT_LT(outcomes.ambiguous, 20'000 / 50) << changes;
      if (changes < 2) {
        EXPECT_EQ(outcomes.ambiguous, 0);
      }
    }
  }
}

TEST(ColumnAlignmentHistory, IsHardlyEverAmbiguousWithACatalogThatIsNotBehind) {
  for (int changes = 0; changes <= 4; ++changes) {
    const Outcomes behind = run_histories(changes, true);
    const Outcomes outcomes = run_histories(changes, true, false, CatalogAge::not_behind);
    EXPECT_LE(outcomes.wrong, changes < 3 ? 0 : 20'000 / 600) << changes;
    EXPECT_LE(outcomes.wrong, behind.wrong) << changes;
    EXPECT_LE(outcomes.ambiguous, behind.ambiguous) << changes;
  }
}

TEST(ColumnAlignmentHistory, IsNeverWrongAboutOneUncommittedChange) {
  for (const bool newest_known : {true, false}) {
    const Outcomes outcomes = run_histories(1, newest_known, true);
    EXPECT_EQ(outcomes.wrong, 0);
    EXPECT_LT(outcomes.ambiguous, newest_known ? 1 : 20'000 / 50);
  }
}

// Beyond that, names that are used again for other columns of the same type can fool anybody: it must stay as rare as it is.
TEST(ColumnAlignmentHistory, IsHardlyEverWrongAboutMore) {
  for (const bool newest_known : {true, false}) {
    const Outcomes outcomes = run_histories(4, newest_known);
    EXPECT_LT(outcomes.wrong, 20'000 / 300);
    EXPECT_GT(outcomes.right, 20'000 * 94 / 100);
  }
}

// A stream of shapes, each resolved with the one before as it was resolved, and a catalog that is any number of changes ahead.
class Stream {
 public:
  Stream(const History& start, CatalogAge age) : previous_(start.schema()), age_(age) {}

  ColumnAlignment::Kind next(const History& then, const History& now) {
    const ColumnAlignment alignment = align_columns(then.message(), now.catalog(), &previous_, age_);
    if (alignment.kind != ColumnAlignment::Kind::unique) return alignment.kind;
    // One column is one attnum for as long as it lives, and no other column's.
    const Attnums truth = then.attnums();
    for (std::size_t i = 0; i < truth.size(); ++i) {
      const std::int16_t got = alignment.attnums[i];
      consistent_ = consistent_ && believed_.emplace(truth[i], got).first->second == got && meant_.emplace(got, truth[i]).first->second == truth[i];
      exact_ = exact_ && got == truth[i];
    }
    const std::int16_t newest = previous_.newest_attnum;
    previous_ = then.schema(false);
    previous_.newest_attnum = newest;
    for (std::size_t i = 0; i < truth.size(); ++i) {
      previous_.columns[i].attnum = alignment.attnums[i];
      previous_.newest_attnum = std::max(previous_.newest_attnum, alignment.attnums[i]);
    }
    return alignment.kind;
  }
  bool consistent() const { return consistent_; }
  bool exact() const { return exact_; }

 private:
  TableSchema previous_;
  CatalogAge age_;
  std::map<std::int16_t, std::int16_t> believed_;
  std::map<std::int16_t, std::int16_t> meant_;
  bool consistent_ = true;
  bool exact_ = true;
};

// 30 columns are added and 15 dropped, one at a time, a row after each.
std::vector<History> storm(std::mt19937& random, bool same_type, bool any_order) {
  std::vector<History> shapes = {kTable};
  History table = kTable;
  for (int i = 0; i < 30; ++i) shapes.push_back(table.add("n" + std::to_string(i), same_type || i % 2 == 0 ? pg_oid::kInt4 : pg_oid::kText));
  for (int i = 0; i < 15; ++i) {
    const auto names = table.names();
    const std::string name = any_order ? names[1 + random() % (names.size() - 1)] : "n" + std::to_string(i);
    shapes.push_back(table.drop(name));
  }
  return shapes;
}

TEST(ColumnAlignmentHistory, AStormOfChangesIsNeverWrong) {
  std::mt19937 random(20240229);
  int ambiguous = 0;
  for (int round = 0; round < 400; ++round) {
    const std::vector<History> shapes = storm(random, round % 2 == 0, round % 4 >= 2);
    const std::size_t ahead = random() % (shapes.size() + 1);  // at most; a read catalog never goes back
    const bool one_catalog = round % 8 == 0;                   // as after a pause: everything is read by the last one
    Stream stream(shapes.front(), round % 3 == 0 ? CatalogAge::not_behind : CatalogAge::may_be_behind);
    std::size_t seen = 0;
    for (std::size_t i = 1; i < shapes.size(); ++i) {
      seen = std::max({seen, i, std::min(shapes.size() - 1, i + random() % (ahead + 1))});
      if (one_catalog) seen = shapes.size() - 1;
      const ColumnAlignment::Kind kind = stream.next(shapes[i], shapes[seen]);
      if (kind == ColumnAlignment::Kind::unique) continue;
      // A new column that is dropped by now, beside others of its type that may have been renamed: nothing tells them apart.
      ASSERT_TRUE(i <= 30 && !shapes[seen].has("n" + std::to_string(i - 1))) << round << ' ' << i << ' ' << seen;
      ++ambiguous;
      break;
    }
    EXPECT_TRUE(stream.exact()) << round;
  }
  EXPECT_LT(ambiguous, 250);  // most catalogs are many changes ahead here
}

// Storms of adding, dropping, renaming and changing types under names of their own, a row after each. What stays open: whether the last
// column was renamed and dropped since, or dropped for a new one that was renamed since; and whether a new one that is dropped by now was
// one of those that carry another name today.
TEST(ColumnAlignmentHistory, RandomStormsAreNeverWrong) {
  std::mt19937 random(20240301);
  int ambiguous = 0;
  for (int round = 0; round < 4'000; ++round) {
    std::vector<History> shapes = {kTable};
    History table = kTable;
    int fresh = 0;
    for (int i = 0; i < 20; ++i) {
      const auto names = table.names();
      const std::string& name = names[random() % names.size()];
      const Oid type = random() % 2 == 0 ? pg_oid::kInt4 : pg_oid::kText;
      switch (random() % 4) {
        case 0: table.rename(name, "n" + std::to_string(fresh++)); break;
        case 1:
          if (names.size() > 1) table.drop(name);
          break;
        case 2: table.retype(name, type); break;
        default: table.add("n" + std::to_string(fresh++), type); break;
      }
      shapes.push_back(table);
    }
    Stream stream(shapes.front(), CatalogAge::not_behind);
    const std::size_t ahead = random() % 6;
    std::size_t seen = 0;
    for (std::size_t i = 1; i < shapes.size(); ++i) {
      seen = std::max(seen, std::min(shapes.size() - 1, i + random() % (ahead + 1)));
      if (stream.next(shapes[i], shapes[seen]) == ColumnAlignment::Kind::unique) continue;
      ++ambiguous;
      break;
    }
    EXPECT_TRUE(stream.consistent()) << round;
  }
  EXPECT_LT(ambiguous, 4'000 / 8);  // of 80'000 changes
}

}  // namespace
}  // namespace luge
