// Random changes of several tables that take each other's names, against a model that is too simple to be wrong.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <map>

#include "base/random.h"
#include "destination/duckdb/mirror_test_support.h"

namespace luge::mirror_test {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TableSchemaPtr named(RelationOid oid, const TableName& name) {
  return shape(oid, name, {column("id", 1, ValueKind::int64), column("v", 2, ValueKind::text)}, {0});
}

/// Tables of one shape, so that rows in the wrong one are no error but a wrong answer. The mirror hears of a name as it does from the
/// stream: with the next row of the table. Rows of one batch come table by table, as the pipeline gathers them.
class RenamingSource {
 public:
  struct Table {
    RelationOid oid = 0;
    TableName name;
    bool known = false;  ///< it has a place in the mirror
    bool dropped = false;
    Attempt copying = 0;  ///< its changes are kept for this copy
    std::map<std::int64_t, std::string> rows;
    std::vector<std::string> history;  ///< what the log must hold
  };

  explicit RenamingSource(std::uint64_t seed) : random_(seed) {
    for (int i = 0; i < 3; ++i) (void)create();
  }

  RelationOid create() {
    const auto name = free_name();
    if (!name) return 0;
    // Numbers are not given out in any order that names follow.
    RelationOid oid = 0;
    while (oid == 0 || tables_.contains(oid)) oid = 1 + static_cast<RelationOid>(random_.below(900));
    tables_[oid] = {oid, *name, false, false, 0, {}, {}};
    return oid;
  }
  Table& table(RelationOid oid) { return tables_.at(oid); }
  const std::map<RelationOid, Table>& tables() const { return tables_; }
  TableSchemaPtr schema(RelationOid oid) {
    auto& known = schemas_[oid];
    if (!known || known->name != table(oid).name) known = named(oid, table(oid).name);
    return known;
  }

  void transaction(std::uint64_t lsn) {
    lsn_ = lsn;
    ordinal_ = 0;
    const std::uint64_t changes = 1 + random_.below(12);
    for (std::uint64_t i = 0; i < changes; ++i) {
      const std::uint64_t what = random_.below(20);
      if (what < 14) {
        change(any_live());
      } else if (what < 17) {
        Table& a = any_live();
        Table& b = any_live();
        std::swap(a.name, b.name);
      } else if (what < 19) {
        if (const auto name = free_name()) any_live().name = *name;
      } else {
        truncate(any_live());
      }
    }
  }
  std::vector<BatchOp> take() {
    for (auto& [oid, chunk] : chunks_) close(oid);
    return std::exchange(ops_, {});
  }
  void drop_one() {
    if (live().size() > 2) any_live().dropped = true;
  }
  std::vector<TableChunk> copy(Table& table, Attempt attempt) {
    table.copying = attempt;
    table.history.clear();
    ChunkMaker maker(schema(table.oid));
    for (const auto& [id, v] : table.rows) {
      maker.copied({n(id), s(v)});
      table.history.push_back("i|" + std::to_string(id) + "|" + v);
    }
    std::vector<TableChunk> out;
    out.push_back(maker.take());
    return out;
  }

 private:
  std::vector<Table*> live() {
    std::vector<Table*> out;
    for (auto& [oid, table] : tables_) {
      if (!table.dropped) out.push_back(&table);
    }
    return out;
  }
  Table& any_live() {
    const auto all = live();
    return *all[random_.below(all.size())];
  }
  std::optional<TableName> free_name() {
    const std::vector<TableName> pool{{"public", "a"}, {"public", "b"}, {"public", "c"}, {"other", "a"}, {"other", "d"}};
    const TableName& name = pool[random_.below(pool.size())];
    for (const auto& [oid, table] : tables_) {
      if (!table.dropped && table.name == name) return std::nullopt;
    }
    return name;
  }

  Route route(const Table& table) const { return table.copying == 0 ? Route{} : Route{Route::Kind::pending, table.copying}; }
  void close(RelationOid oid) {
    auto& chunk = chunks_[oid];
    if (chunk) ops_.emplace_back(Rows{route(table(oid)), chunk->take()});
    chunk.reset();
  }
  ChunkMaker& chunk(const Table& table) {
    auto& open = chunks_[table.oid];
    const TableSchemaPtr now = schema(table.oid);
    if (open && shapes_[table.oid] != now) close(table.oid);
    if (!open) open.emplace(now);
    shapes_[table.oid] = now;
    return *open;
  }

  void change(Table& table) {
    table.known = table.known || table.copying == 0;
    const auto id = static_cast<std::int64_t>(random_.below(6));
    const std::string text = std::to_string(id);
    const std::string v = "of " + std::to_string(table.oid) + " at " + std::to_string(lsn_) + "." + std::to_string(ordinal_);
    const auto found = table.rows.find(id);
    if (found == table.rows.end()) {
      chunk(table).row(RowOp::insert, {n(id), s(v)}, lsn_, ordinal_++, lsn_);
      table.history.push_back("i|" + text + "|" + v);
    } else if (random_.chance(1, 3)) {
      chunk(table).row(RowOp::remove, {n(id), kAbsent}, lsn_, ordinal_++, lsn_);
      table.history.push_back("d|" + text + "|NULL");
      table.rows.erase(found);
      return;
    } else {
      chunk(table).row(RowOp::update, {n(id), s(v)}, lsn_, ordinal_++, lsn_);
      table.history.push_back("u|" + text + "|" + v);
    }
    table.rows[id] = v;
  }
  void truncate(Table& table) {
    if (!table.known && table.copying == 0) return;
    close(table.oid);
    ops_.emplace_back(Truncate{table.oid, route(table), {1, Lsn{lsn_}, ordinal_++}, lsn_, {}});
    table.history.emplace_back("t|NULL|NULL");
    table.rows.clear();
  }

  SeededRandom random_;
  std::map<RelationOid, Table> tables_;
  std::map<RelationOid, TableSchemaPtr> schemas_;
  std::map<RelationOid, TableSchemaPtr> shapes_;
  std::map<RelationOid, std::optional<ChunkMaker>> chunks_;
  std::vector<BatchOp> ops_;
  std::uint64_t lsn_ = 0;
  std::uint64_t ordinal_ = 0;
};

class MirrorNamesTest : public MirrorTest {
 protected:
  std::string place_of(RelationOid oid) {
    const auto found = query("SELECT '\"' || target_schema || '\".\"' || target_table || '\"' FROM _luge.tables WHERE oid = " + std::to_string(oid));
    return found.size() == 1 ? found[0] : "";
  }
  std::vector<std::string> rows_of(RelationOid oid) {
    const std::string order = request_.log_mode ? "_luge_epoch, _luge_lsn, _luge_ordinal" : "id";
    return query("SELECT " + std::string(request_.log_mode ? "_luge_op, " : "") + "id, v FROM " + place_of(oid) + " ORDER BY " + order);
  }
  /// Every table's rows are its own, wherever it stands.
  void expect_equal(const RenamingSource& source, const std::string& when) {
    for (const auto& [oid, table] : source.tables()) {
      if (!table.known) continue;
      std::vector<std::string> expected;
      for (const auto& [id, v] : table.rows) expected.push_back(std::to_string(id) + "|" + v);
      ASSERT_EQ(rows_of(oid), request_.log_mode ? table.history : expected) << "table " << oid << " " << when;
    }
  }
};

class MirrorNamesModelTest : public MirrorNamesTest, public ::testing::WithParamInterface<int> {};

TEST_P(MirrorNamesModelTest, rows_stay_with_their_table_under_any_names) {
  const auto seed = static_cast<std::uint64_t>(GetParam());
  SeededRandom random(seed * 37);
  RenamingSource source(seed);
  request_.log_mode = seed % 3 == 0;
  open();
  for (const auto& [oid, table] : source.tables()) apply_ops(0, set(source.schema(oid), TableState::live, 1));
  std::uint64_t lsn = 100;
  for (int round = 0; round < 20; ++round) {
    const std::string when = "seed " + std::to_string(seed) + " round " + std::to_string(round);
    if (random.chance(1, 4)) source.drop_one();
    RelationOid copied = 0;
    TableSchemaPtr copied_shape;
    Snapshot snapshot;
    if (random.chance(1, 3)) {
      if (const RelationOid oid = source.create()) {
        if (random.chance(1, 2)) {
          apply_ops(lsn, set(source.schema(oid), TableState::live, 1));
        } else {
          copied = oid;
          apply_ops(lsn, set(source.schema(oid), TableState::waiting, 1));
          copied_shape = source.schema(oid);
          snapshot = {lsn + 1, lsn + 1, {}};
          copy(copied_shape, 1, source.copy(source.table(oid), 1));
        }
      }
    }
    Batch b = batch(lsn);
    const std::uint64_t transactions = 1 + random.below(5);
    for (std::uint64_t t = 0; t < transactions; ++t) {
      lsn += 10;
      source.transaction(lsn);
      if (random.chance(1, 4)) {
        for (BatchOp& op : source.take()) b.ops.push_back(std::move(op));
        b.complete = false;
        b.checkpoint = {1, Lsn{lsn - 10}, Lsn{lsn - 9}};
        apply(std::move(b));
        b = batch(lsn);
      }
    }
    for (BatchOp& op : source.take()) b.ops.push_back(std::move(op));
    if (copied != 0) {
      b.ops.emplace_back(FinishCopy{copied, 1, snapshot, copied_shape, 0});
      source.table(copied).copying = 0;
      source.table(copied).known = true;
    }
    b.checkpoint = {1, Lsn{lsn}, Lsn{lsn + 1}};
    const Frontier frontier = apply(std::move(b));
    for (const TableRecord& record : frontier.tables) ASSERT_FALSE(record.quarantine.has_value()) << record.quarantine->reason << " " << when;
    if (random.chance(1, 6)) reopen();
    expect_equal(source, when);
    if (HasFatalFailure()) return;
  }
  // Once the catalog has told every name, every table stands under its own.
  Batch b = batch(lsn);
  for (const auto& [oid, table] : source.tables()) {
    if (!table.known || table.dropped) continue;
    SetTable told = set(source.schema(oid), TableState::live, 1);
    told.record.schema = source.schema(oid);
    b.ops.emplace_back(std::move(told));
  }
  apply(std::move(b));
  expect_equal(source, "at the end");
  for (const auto& [oid, table] : source.tables()) {
    if (!table.known || table.dropped) continue;
    EXPECT_EQ(place_of(oid), '"' + table.name.schema + "\".\"" + table.name.table + (request_.log_mode ? "__log\"" : "\"")) << "seed " << seed;
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, MirrorNamesModelTest, ::testing::Range(1, kModelSeeds + 1));

// INSERT INTO orders; orders -> orders_old, orders_new -> orders; INSERT INTO orders: one transaction of the mirror.
TEST_F(MirrorNamesTest, a_table_that_makes_room_keeps_the_rows_that_wait_for_it) {
  for (const auto& [first, second] : {std::pair<RelationOid, RelationOid>{1, 2}, {2, 1}}) {
    reopen();
    const std::uint64_t lsn = first * 1000;
    const TableName orders{"public", "orders_" + std::to_string(first)}, fresh{"public", "fresh_" + std::to_string(first)};
    const RelationOid a = first * 10, b = second * 10 + 1;
    make_table(named(a, orders));
    make_table(named(b, fresh));
    apply_ops(lsn, live(ChunkMaker(named(a, orders)).row(RowOp::insert, {n(1), s("old")}, lsn, 0).take()),
              live(ChunkMaker(named(b, orders)).row(RowOp::insert, {n(2), s("new")}, lsn, 1).take()));
    EXPECT_THAT(rows_of(a), ElementsAre("1|old"));
    EXPECT_THAT(query("SELECT id, v FROM public." + orders.table), ElementsAre("2|new"));
  }
}

TEST_F(MirrorNamesTest, a_copy_that_takes_a_name_leaves_waiting_rows_where_they_belong) {
  open();
  const TableName orders{"public", "orders"};
  make_table(named(1, orders));
  apply_ops(100, set(named(2, orders), TableState::waiting, 1));
  std::vector<TableChunk> copied;
  copied.push_back(ChunkMaker(named(2, orders)).copied({n(2), s("copied")}).take());
  copy(named(2, orders), 1, std::move(copied));
  apply_ops(200, live(ChunkMaker(named(1, {"public", "orders"})).row(RowOp::insert, {n(1), s("old")}, 200, 0).take()),
            live(ChunkMaker(named(1, {"public", "orders_old"})).row(RowOp::insert, {n(3), s("older")}, 200, 1).take()),
            FinishCopy{2, 1, {}, named(2, orders), 0});
  EXPECT_THAT(query("SELECT id, v FROM public.orders"), ElementsAre("2|copied"));
  EXPECT_THAT(query("SELECT id, v FROM public.orders_old ORDER BY id"), ElementsAre("1|old", "3|older"));
}

TEST_F(MirrorNamesTest, an_old_name_told_late_does_not_take_the_place_again) {
  open();
  const TableName orders{"public", "orders"};
  make_table(named(9, orders));
  make_table(named(4, {"public", "fresh"}));
  // Rows come table by table: the one that has the name now comes first.
  apply_ops(200, live(ChunkMaker(named(4, orders)).row(RowOp::insert, {n(2), s("new")}, 200, 7).take()),
            live(ChunkMaker(named(9, orders)).row(RowOp::insert, {n(1), s("old")}, 150, 3).take()));
  EXPECT_THAT(query("SELECT id, v FROM public.orders"), ElementsAre("2|new"));
  EXPECT_THAT(rows_of(9), ElementsAre("1|old"));
}

TEST_F(MirrorNamesTest, a_name_that_is_given_back) {
  open();
  const TableName orders{"public", "orders"}, fresh{"public", "fresh"};
  make_table(named(1, orders));
  make_table(named(2, fresh));
  apply_ops(100, live(ChunkMaker(named(1, orders)).row(RowOp::insert, {n(1), s("a")}, 100, 0).take()));
  apply_ops(200, live(ChunkMaker(named(2, orders)).row(RowOp::insert, {n(2), s("b")}, 200, 0).take()));
  EXPECT_THAT(query("SELECT id, v FROM public.orders"), ElementsAre("2|b"));
  // Back again, and only the one that had taken it tells.
  apply_ops(300, live(ChunkMaker(named(2, fresh)).row(RowOp::insert, {n(3), s("b")}, 300, 0).take()));
  EXPECT_THAT(query("SELECT id, v FROM public.orders"), ElementsAre("1|a"));
  EXPECT_THAT(query("SELECT id, v FROM public.fresh ORDER BY id"), ElementsAre("2|b", "3|b"));
  // And only the one that had lost it: the other is not asked where it went.
  apply_ops(400, live(ChunkMaker(named(2, orders)).row(RowOp::insert, {n(4), s("b")}, 400, 0).take()));
  apply_ops(500, live(ChunkMaker(named(1, orders)).row(RowOp::insert, {n(5), s("a")}, 500, 0).take()));
  EXPECT_THAT(query("SELECT id, v FROM public.orders ORDER BY id"), ElementsAre("1|a", "5|a"));
  EXPECT_THAT(rows_of(2), ElementsAre("2|b", "3|b", "4|b"));
  reopen();
  EXPECT_THAT(query("SELECT id, v FROM public.orders ORDER BY id"), ElementsAre("1|a", "5|a"));
}

TEST_F(MirrorNamesTest, a_place_beside_that_is_taken_too) {
  open();
  const TableName orders{"public", "orders"};
  make_table(named(1, orders));
  make_table(named(3, {"public", "orders__1"}));
  make_table(named(2, {"public", "fresh"}));
  apply_ops(100, live(ChunkMaker(named(1, orders)).row(RowOp::insert, {n(1), s("a")}, 100, 0).take()),
            live(ChunkMaker(named(2, orders)).row(RowOp::insert, {n(2), s("b")}, 100, 1).take()));
  EXPECT_THAT(rows_of(1), ElementsAre("1|a"));
  EXPECT_THAT(query("SELECT id, v FROM public.orders"), ElementsAre("2|b"));
  EXPECT_THAT(query("SELECT id FROM public.orders__1"), IsEmpty());
}

}  // namespace
}  // namespace luge::mirror_test
