#include "batch/chunk_builder.h"

#include <gtest/gtest.h>
#include <string>
#include <vector>

#include "model/arrow_layout.h"
#include "model/type_mapping.h"

namespace luge {
namespace {

ValueView text(std::string_view bytes) { return {ValueState::text, bytes}; }
constexpr ValueView kNull{};
constexpr ValueView kUnchanged{ValueState::unchanged, {}};

ColumnSchema column(std::string name, Oid oid, std::string type_name, bool in_identity) {
  auto type = std::make_shared<PgType>();
  type->oid = oid;
  type->name = std::move(type_name);
  ColumnSchema schema;
  schema.name = std::move(name);
  schema.value = map_type(*type, -1, {});
  schema.type = std::move(type);
  schema.in_identity = in_identity;
  return schema;
}

enum class Keys { primary, none, full_with_primary };

/// (id int4, note text, n int4)
TableSchemaPtr table(Keys keys) {
  auto schema = std::make_shared<TableSchema>();
  schema->oid = 16384;
  schema->name = {"public", "t"};
  schema->columns = {column("id", pg_oid::kInt4, "int4", true), column("note", pg_oid::kText, "text", keys != Keys::primary),
                     column("n", pg_oid::kInt4, "int4", keys != Keys::primary)};
  schema->identity = keys == Keys::primary ? ReplicaIdentity::key : ReplicaIdentity::full;
  if (keys != Keys::none) schema->key_columns = {0};
  return schema;
}

using Tuple = std::vector<ValueView>;

TableRow insert(const Tuple& after) { return {16384, RowOp::insert, OldTuple::none, {}, after}; }
TableRow update(const Tuple& after) { return {16384, RowOp::update, OldTuple::none, {}, after}; }
TableRow update(OldTuple kind, const Tuple& before, const Tuple& after) { return {16384, RowOp::update, kind, before, after}; }
TableRow remove(OldTuple kind, const Tuple& before) { return {16384, RowOp::remove, kind, before, {}}; }

/// "i0 1,x,-": op, ordinal, values; "-" absent, "N" null.
std::string show(const TableChunk& chunk, std::size_t row) {
  std::string line;
  if (!chunk.ops.empty()) line = static_cast<char>(chunk.ops[row]) + std::to_string(chunk.ordinals[row]) + " ";
  for (std::size_t i = 0; i < chunk.columns.size(); ++i) {
    const ArrowColumn& values = chunk.columns[i];
    if (i > 0) line += ',';
    if (!chunk.is_present(i, row)) {
      line += '-';
    } else if (values.is_null(row)) {
      line += 'N';
    } else if (values.type.kind == ValueKind::int32) {
      line += std::to_string(values.values.as<std::int32_t>()[row]);
    } else {
      const auto* offsets = values.offsets.as<std::int32_t>();
      line += std::string(values.values.as<char>() + offsets[row], static_cast<std::size_t>(offsets[row + 1] - offsets[row]));
    }
  }
  return line;
}

std::vector<std::string> show(const TableChunk& chunk) {
  EXPECT_EQ(layout_fault(chunk), nullptr);
  std::vector<std::string> lines;
  for (std::size_t row = 0; row < chunk.rows; ++row) lines.push_back(show(chunk, row));
  return lines;
}

class ChunkBuilding : public testing::Test {
 protected:
  ChunkBuilder keyed_{table(Keys::primary)};
  ChunkBuilder keyless_{table(Keys::none)};
  ChunkBuilder full_{table(Keys::full_with_primary)};
};

void good(ChunkBuilder& builder, const TableRow& row, std::uint64_t ordinal) {
  const auto misfit = builder.append(row, ordinal);
  EXPECT_FALSE(misfit) << misfit->code << ": " << misfit->reason;
}
std::string code(ChunkBuilder& builder, const TableRow& row, std::uint64_t ordinal) {
  const auto misfit = builder.append(row, ordinal);
  return misfit ? misfit->code : "fits";
}

TEST_F(ChunkBuilding, InsertsAndUpdatesInOrder) {
  keyed_.begin_transaction(Lsn{0x100}, 7, {});
  good(keyed_, insert({text("1"), text("x"), kNull}), 0);
  good(keyed_, update({text("1"), kUnchanged, text("2")}), 1);
  good(keyed_, remove(OldTuple::key, {text("1"), kNull, kNull}), 2);
  const TableChunk chunk = keyed_.finish();
  EXPECT_EQ(show(chunk), (std::vector<std::string>{"i0 1,x,N", "u1 1,-,2", "d2 1,-,-"}));
  EXPECT_FALSE(chunk.insert_only());
  ASSERT_EQ(chunk.runs.size(), 1U);
  EXPECT_EQ(chunk.runs[0].commit_lsn, Lsn{0x100});
  EXPECT_EQ(chunk.runs[0].xid, 7U);
}

TEST_F(ChunkBuilding, InsertOnlyChunksHaveNoPresentMask) {
  good(keyed_, insert({text("1"), text("x"), kNull}), 0);
  const TableChunk chunk = keyed_.finish();
  EXPECT_TRUE(chunk.present.empty());
  EXPECT_TRUE(chunk.insert_only());
}

TEST_F(ChunkBuilding, AnUpdateThatMovesItsKeyIsTwoRowsWithOneOrdinal) {
  good(keyed_, update(OldTuple::key, {text("1"), kNull, kNull}, {text("2"), kUnchanged, text("9")}), 5);
  EXPECT_EQ(show(keyed_.finish()), (std::vector<std::string>{"o5 1,-,-", "u5 2,-,9"}));
}

TEST_F(ChunkBuilding, AKeyTupleWithTheSameKeyIsNoMove) {
  good(keyed_, update(OldTuple::key, {text("1"), kNull, kNull}, {text("1"), text("y"), text("9")}), 5);
  good(keyed_, update(OldTuple::key, {text("1"), kNull, kNull}, {kUnchanged, text("y"), text("9")}), 6);
  EXPECT_EQ(show(keyed_.finish()), (std::vector<std::string>{"u5 1,y,9", "u6 1,y,9"}));
}

TEST_F(ChunkBuilding, UnchangedValuesComeFromTheFullOldTuple) {
  good(full_, update(OldTuple::full, {text("1"), text("long"), text("2")}, {text("1"), kUnchanged, text("3")}), 0);
  good(full_, update(OldTuple::full, {text("1"), text("long"), text("2")}, {text("4"), kUnchanged, text("3")}), 1);
  good(full_, remove(OldTuple::full, {text("4"), text("long"), text("3")}), 2);
  EXPECT_EQ(show(full_.finish()), (std::vector<std::string>{"u0 1,long,3", "o1 1,-,-", "u1 4,long,3", "d2 4,-,-"}));
}

// FULL of a root does not reach its partitions: an old tuple that is called whole may carry the leaf's key alone.
TEST_F(ChunkBuilding, AnOldTupleWithoutTheValueDoesNotMakeAnUnchangedOneNull) {
  good(full_, update(OldTuple::full, {text("1"), kNull, kNull}, {text("2"), kUnchanged, text("3")}), 0);
  good(full_, remove(OldTuple::full, {text("2"), kNull, kNull}), 1);
  EXPECT_EQ(show(full_.finish()), (std::vector<std::string>{"o0 1,-,-", "u0 2,-,3", "d1 2,-,-"}));
  EXPECT_EQ(code(full_, update(OldTuple::full, {kNull, text("other identity"), kNull}, {text("2"), kUnchanged, text("3")}), 2), "no_identity");
  EXPECT_EQ(code(full_, remove(OldTuple::full, {kNull, text("other identity"), kNull}), 2), "no_identity");
}

TEST_F(ChunkBuilding, AWholeOldTupleOfLeavesThatSayLessNamesNoRowWithoutAKey) {
  auto less = std::make_shared<TableSchema>(*table(Keys::none));
  less->identity = ReplicaIdentity::key;
  for (ColumnSchema& each : less->columns) each.in_identity = false;
  ChunkBuilder builder(std::move(less));
  EXPECT_EQ(code(builder, update(OldTuple::full, {text("1"), kNull, kNull}, {text("2"), text("x"), kNull}), 0), "no_identity");
  EXPECT_EQ(code(builder, remove(OldTuple::full, {text("1"), kNull, kNull}), 0), "no_identity");
}

TEST_F(ChunkBuilding, AMisfitSaysWhetherTextWouldTakeTheValue) {
  const auto misfit = [](ChunkBuilder& builder, const Tuple& after) { return *builder.append(insert(after), 0); };
  EXPECT_TRUE(misfit(keyed_, {text("no number"), text("x"), kNull}).fits_text);
  EXPECT_FALSE(misfit(keyed_, {text("1"), text("\xff"), kNull}).fits_text) << "no text column takes it";
}

TEST_F(ChunkBuilding, KeylessTablesKeepWholeOldImages) {
  good(keyless_, update(OldTuple::full, {text("1"), text("long"), kNull}, {text("1"), kUnchanged, kNull}), 0);
  good(keyless_, remove(OldTuple::full, {text("1"), text("long"), kNull}), 1);
  EXPECT_EQ(show(keyless_.finish()), (std::vector<std::string>{"o0 1,long,N", "u0 1,long,N", "d1 1,long,N"}));
}

TEST_F(ChunkBuilding, RowsThatDoNotSayWhichRowAreRefused) {
  EXPECT_EQ(code(keyless_, update({text("1"), text("x"), kNull}), 0), "no_identity");
  EXPECT_EQ(code(keyless_, remove(OldTuple::key, {text("1"), kNull, kNull}), 0), "no_identity");
  EXPECT_EQ(code(keyed_, remove(OldTuple::none, {}), 0), "no_identity");
  EXPECT_EQ(code(keyed_, update({kUnchanged, text("x"), kNull}), 0), "no_identity");
  EXPECT_EQ(code(keyless_, update(OldTuple::full, {text("1"), kUnchanged, kNull}, {text("1"), kUnchanged, kNull}), 0), "no_identity");
  EXPECT_EQ(keyed_.rows() + keyless_.rows(), 0U);
}

TEST_F(ChunkBuilding, InsertsWithoutAValueAreRefused) {
  const Tuple after = {text("1"), kUnchanged, kNull};
  const auto misfit = keyed_.append(insert(after), 0);
  ASSERT_TRUE(misfit);
  EXPECT_EQ(misfit->code, "unchanged_insert");
  EXPECT_EQ(misfit->column, "note");
  EXPECT_EQ(misfit->type, "text");
}

TEST_F(ChunkBuilding, TuplesOfAnotherShapeAreMalformed) {
  EXPECT_EQ(code(keyed_, insert({text("1")}), 0), "malformed");
  EXPECT_EQ(code(keyed_, insert({}), 0), "malformed");
  EXPECT_EQ(code(keyed_, remove(OldTuple::key, {text("1")}), 0), "malformed");
  EXPECT_EQ(code(keyed_, remove(OldTuple::key, {}), 0), "malformed");
  EXPECT_EQ(code(keyed_, update(OldTuple::key, {}, {text("1"), kNull, kNull}), 0), "malformed");
}

TEST_F(ChunkBuilding, ARefusedRowLeavesNoTrace) {
  good(keyed_, insert({text("1"), text("x"), kNull}), 0);
  EXPECT_EQ(code(keyed_, insert({text("2"), text("y"), text("many")}), 1), "misfit");
  EXPECT_EQ(code(keyed_, update(OldTuple::key, {text("1"), kNull, kNull}, {text("2"), kUnchanged, text("many")}), 1), "misfit");
  good(keyed_, update({text("1"), kUnchanged, text("3")}), 1);
  EXPECT_EQ(show(keyed_.finish()), (std::vector<std::string>{"i0 1,x,N", "u1 1,-,3"}));
}

TEST_F(ChunkBuilding, RunsFollowTheTransactions) {
  keyed_.begin_transaction(Lsn{1}, 1, {});
  keyed_.begin_transaction(Lsn{2}, 2, {});
  good(keyed_, insert({text("1"), kNull, kNull}), 0);
  EXPECT_EQ(code(keyed_, insert({text("x"), kNull, kNull}), 1), "misfit");
  keyed_.begin_transaction(Lsn{3}, 3, {});
  EXPECT_EQ(code(keyed_, insert({text("x"), kNull, kNull}), 0), "misfit");
  good(keyed_, insert({text("2"), kNull, kNull}), 0);
  good(keyed_, insert({text("3"), kNull, kNull}), 1);
  const TableChunk first = keyed_.finish();
  good(keyed_, insert({text("4"), kNull, kNull}), 2);
  const TableChunk second = keyed_.finish();
  ASSERT_EQ(first.runs.size(), 2U);
  EXPECT_EQ(first.runs[0].commit_lsn, Lsn{2});
  EXPECT_EQ(first.runs[0].end_row, 1U);
  EXPECT_EQ(first.runs[1].end_row, 3U);
  ASSERT_EQ(second.runs.size(), 1U);
  EXPECT_EQ(second.runs[0].commit_lsn, Lsn{3});
  EXPECT_EQ(show(second), (std::vector<std::string>{"i2 4,N,N"}));
}

TEST_F(ChunkBuilding, CutsAtAnOrdinalOfTheOpenTransaction) {
  keyed_.begin_transaction(Lsn{1}, 1, {});
  good(keyed_, insert({text("1"), kNull, kNull}), 5);
  keyed_.begin_transaction(Lsn{}, 2, {});
  good(keyed_, insert({text("2"), kNull, kNull}), 0);
  good(keyed_, update(OldTuple::key, {text("2"), kNull, kNull}, {text("3"), kUnchanged, kNull}), 3);
  keyed_.truncate_from(4);
  EXPECT_EQ(keyed_.rows(), 4U);
  keyed_.truncate_from(2);
  EXPECT_EQ(keyed_.rows(), 2U);
  keyed_.truncate_from(0);
  EXPECT_EQ(keyed_.rows(), 1U);
  good(keyed_, insert({text("4"), kNull, kNull}), 0);
  const TableChunk chunk = keyed_.finish();
  EXPECT_EQ(show(chunk), (std::vector<std::string>{"i5 1,N,N", "i0 4,N,N"}));
  EXPECT_EQ(chunk.runs.size(), 2U);
}

TEST_F(ChunkBuilding, CopiedRowsHaveNoOps) {
  EXPECT_FALSE(keyed_.append_copied(Tuple{text("1"), text("x"), kNull}));
  EXPECT_TRUE(keyed_.append_copied(Tuple{text("2"), text("x"), text("y")}));
  EXPECT_TRUE(keyed_.append_copied(Tuple{text("2"), kUnchanged, kNull}));
  EXPECT_TRUE(keyed_.append_copied(Tuple{text("2")}));
  EXPECT_FALSE(keyed_.append_copied(Tuple{text("3"), kNull, text("4")}));
  const TableChunk chunk = keyed_.finish();
  EXPECT_EQ(show(chunk), (std::vector<std::string>{"1,x,N", "3,N,4"}));
  EXPECT_TRUE(chunk.insert_only());
}

TEST_F(ChunkBuilding, BytesStayNearTheTruth) {
  const std::string note(100, 'n');
  for (std::uint64_t i = 0; i < 5000; ++i) good(keyed_, insert({text("12345678"), text(note), i % 3 == 0 ? kNull : text("1")}), i);
  const auto estimate = static_cast<double>(keyed_.bytes());
  const auto actual = static_cast<double>(keyed_.finish().bytes());
  EXPECT_NEAR(estimate / actual, 1.0, 0.05);
  EXPECT_EQ(keyed_.bytes(), ChunkBuilder(table(Keys::primary)).bytes());
}

}  // namespace
}  // namespace luge
