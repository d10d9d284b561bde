#include "decode/column_alignment.h"

#include <gtest/gtest.h>

#include "decode/column_history_test_support.h"

namespace luge {
namespace {

TEST(ColumnAlignment, SameOnBothSides) {
  EXPECT_ALIGNED(align(kTable, kTable), 1, 2, 3);
  EXPECT_ALIGNED(align(kTable, kTable, &kTable), 1, 2, 3);
}

TEST(ColumnAlignment, LongDroppedColumnsDoNotMatter) {
  const History table = History(kTable).drop("a");
  EXPECT_ALIGNED(align(table, table), 1, 3);
  EXPECT_ALIGNED(align(table, table, &table), 1, 3);
}

TEST(ColumnAlignment, RenameAheadAndBehind) {
  const History renamed = History(kTable).rename("a", "c");
  EXPECT_ALIGNED(align(kTable, renamed), 1, 2, 3);  // the catalog is ahead
  EXPECT_ALIGNED(align(kTable, renamed, &kTable), 1, 2, 3);
  EXPECT_ALIGNED(align(renamed, renamed, &kTable), 1, 2, 3);
  EXPECT_ALIGNED(align(renamed, History(renamed).rename("c", "d"), &kTable), 1, 2, 3);  // a name that neither side shows
  const History swapped = History(kTable).rename("a", "x").rename("b", "a").rename("x", "b");
  EXPECT_ALIGNED(align(kTable, swapped), 1, 2, 3);
}

TEST(ColumnAlignment, DropAheadAndBehind) {
  const History dropped = History(kTable).drop("a");
  EXPECT_ALIGNED(align(dropped, dropped, &kTable), 1, 3);
  EXPECT_ALIGNED(align(kTable, dropped, &kTable), 1, 2, 3);
  EXPECT_ALIGNED(align(kTable, dropped), 1, 2, 3);
}

TEST(ColumnAlignment, AddAheadAndBehind) {
  const History added = History(kTable).add("c");
  EXPECT_ALIGNED(align(added, added, &kTable), 1, 2, 3, 4);
  EXPECT_ALIGNED(align(kTable, added, &kTable), 1, 2, 3);
  EXPECT_ALIGNED(align(kTable, added), 1, 2, 3);
  const History gone = History(added).drop("c");
  EXPECT_ALIGNED(align(added, gone, &kTable), 1, 2, 3, 4);  // dropped since: the previous shape did not have it yet
  // Without that, it may be another one of an open transaction that comes after it.
  EXPECT_EQ(align(added, gone, &kTable, false).kind, ColumnAlignment::Kind::several);
}

TEST(ColumnAlignment, NewColumnsTakeTheLowestThatAreNewerThanThePreviousShape) {
  const History before = History(kTable).add("x").drop("x");
  const History added = History(before).add("c").add("d");
  EXPECT_ALIGNED(align(added, History(added).drop("c"), &before), 1, 2, 3, 5, 6);
  EXPECT_ALIGNED(align(added, History(added).drop("c").drop("d").add("e").drop("e"), &before), 1, 2, 3, 5, 6);
  EXPECT_ALIGNED(align(added, before, &before), 1, 2, 3, 5, 6);  // not committed: never the dropped one
}

TEST(ColumnAlignment, AddedAgainUnderItsNameOrAfterOneThatWasNeverSeenIsAmbiguous) {
  const History added = History(kTable).add("c");
  const History again = History(added).drop("c").add("c");
  EXPECT_EQ(align(added, again, &kTable).kind, ColumnAlignment::Kind::several);
  EXPECT_EQ(align(again, again, &kTable).kind, ColumnAlignment::Kind::several);
  EXPECT_ALIGNED(align(again, again, &again), 1, 2, 3, 5);
  const History between = History(added).drop("c");  // a row was seen without it
  EXPECT_ALIGNED(align(again, again, &between), 1, 2, 3, 5);
}

TEST(ColumnAlignment, TypeChangeAheadAndBehind) {
  const History retyped = History(kTable).retype("a", pg_oid::kInt8);
  EXPECT_ALIGNED(align(retyped, retyped, &kTable), 1, 2, 3);
  EXPECT_ALIGNED(align(kTable, retyped, &kTable), 1, 2, 3);
  EXPECT_ALIGNED(align(kTable, retyped), 1, 2, 3);
}

TEST(ColumnAlignment, DropAndAddOfTheSameNameIsToldByPlaceOrType) {
  const History by_place = History(kTable).drop("a").add("a");
  EXPECT_ALIGNED(align(kTable, by_place, &kTable), 1, 2, 3);    // id a b
  EXPECT_ALIGNED(align(by_place, by_place, &kTable), 1, 3, 4);  // id b a
  const History by_type = History(kTable).drop("b").add("b", pg_oid::kInt8);
  EXPECT_ALIGNED(align(kTable, by_type, &kTable), 1, 2, 3);
  EXPECT_ALIGNED(align(by_type, by_type, &kTable), 1, 2, 4);
  EXPECT_ALIGNED(align(by_type, by_type, &by_type), 1, 2, 4);
}

TEST(ColumnAlignment, DropAndAddOfTheSameNameAndTypeInTheSamePlaceIsAmbiguous) {
  const History again = History(kTable).drop("b").add("b", pg_oid::kText);
  EXPECT_EQ(align(kTable, again, &kTable).kind, ColumnAlignment::Kind::several);
  EXPECT_EQ(align(again, again, &kTable).kind, ColumnAlignment::Kind::several);
  EXPECT_ALIGNED(align(again, again, &again), 1, 2, 4);
  const History between = History(kTable).drop("b");
  EXPECT_ALIGNED(align(again, again, &between), 1, 2, 4);  // the shape without it was seen, and it cannot come back
}

TEST(ColumnAlignment, ReplacedByAColumnOfAnotherName) {
  const History replaced = History(kTable).drop("b").add("c", pg_oid::kText);
  EXPECT_ALIGNED(align(kTable, replaced, &kTable), 1, 2, 3);
  EXPECT_ALIGNED(align(replaced, replaced, &kTable), 1, 2, 4);
}

// The transaction that altered the table is still open: the catalog is behind the message.
TEST(ColumnAlignment, UncommittedChanges) {
  EXPECT_ALIGNED(align(History(kTable).add("c"), kTable, &kTable), 1, 2, 3, 4);
  EXPECT_ALIGNED(align(History(kTable).add("c").add("d"), kTable), 1, 2, 3, 4, 5);
  EXPECT_ALIGNED(align(History(kTable).drop("a"), kTable, &kTable), 1, 3);
  EXPECT_ALIGNED(align(History(kTable).rename("a", "c"), kTable, &kTable), 1, 2, 3);
  EXPECT_ALIGNED(align(History(kTable).retype("a", pg_oid::kInt8), kTable, &kTable), 1, 2, 3);
  EXPECT_ALIGNED(align(History(kTable).drop("a").add("c", pg_oid::kInt8), kTable, &kTable), 1, 3, 4);
  EXPECT_ALIGNED(align(History(kTable).drop("b").add("c", pg_oid::kInt8), kTable, &kTable), 1, 2, 4);
  const History dropped_last = History(kTable).drop("b");
  EXPECT_ALIGNED(align(History(dropped_last).add("c"), dropped_last, &dropped_last), 1, 2, 4);
  // Or the dropped one: c was added, seen here, and dropped since.
  EXPECT_EQ(align(History(dropped_last).add("c"), dropped_last, &dropped_last, false).kind, ColumnAlignment::Kind::several);
}

TEST(ColumnAlignment, ATableThatIsGoneHasOnlyThePreviousShape) {
  const TableSchema previous = History(kTable).drop("a").schema();
  const CatalogTable gone;
  EXPECT_ALIGNED(align_columns(History(kTable).drop("a").message(), gone, &previous), 1, 3);
  EXPECT_EQ(align_columns(kTable.message(), gone, &previous).kind, ColumnAlignment::Kind::none);
  EXPECT_EQ(align_columns(History(kTable).drop("a").rename("b", "c").message(), gone, &previous).kind, ColumnAlignment::Kind::none);
  EXPECT_EQ(align_columns(kTable.message(), gone, nullptr).kind, ColumnAlignment::Kind::none);
}

TEST(ColumnAlignment, ColumnListsAndGeneratedColumns) {
  CatalogTable listed = kTable.catalog();
  listed.published_columns = {"id", "b"};
  RelationMessage two;
  two.columns = {{"id", pg_oid::kInt4, -1, true}, {"b", pg_oid::kText, -1, false}};
  EXPECT_ALIGNED(align_columns(two, listed, nullptr), 1, 3);
  EXPECT_ALIGNED(align_columns(kTable.message(), listed, nullptr), 1, 2, 3);  // the list is newer than the message
  EXPECT_ALIGNED(align_columns(two, kTable.catalog(), nullptr), 1, 3);        // the list is gone since

  CatalogTable generated = kTable.catalog();
  generated.columns[1].generated = true;
  EXPECT_ALIGNED(align_columns(two, generated, nullptr), 1, 3);
  EXPECT_ALIGNED(align_columns(kTable.message(), generated, nullptr), 1, 2, 3);  // published (18)
}

TEST(ColumnAlignment, WithoutUncommittedColumnsTheLastOneWasRenamed) {
  const History renamed = History(kTable).rename("b", "c");
  const History gone = History(renamed).drop("c");
  EXPECT_EQ(align(renamed, gone, &kTable).kind, ColumnAlignment::Kind::several);  // b may be dropped, and c be a new one
  const TableSchema previous = kTable.schema();
  EXPECT_ALIGNED(align_columns(renamed.message(), gone.catalog(), &previous, CatalogAge::not_behind), 1, 2, 3);
  const History added = History(kTable).add("c");
  EXPECT_EQ(align_columns(added.message(), kTable.catalog(), &previous, CatalogAge::not_behind).kind, ColumnAlignment::Kind::none);
}

// A column came and went, or it was the one that carries another name today: the traces are the same.
TEST(ColumnAlignment, CameAndWentBesideARenameIsAmbiguous) {
  const History added = History(kTable).add("c");
  const History replaced = History(added).drop("c").add("d");
  EXPECT_EQ(align(added, replaced, &kTable, true, CatalogAge::not_behind).kind, ColumnAlignment::Kind::several);
  const History renamed = History(kTable).add("c").drop("c").add("c").rename("c", "d");
  EXPECT_EQ(renamed.catalog().columns.size(), replaced.catalog().columns.size());
  const History other_type = History(added).drop("c").add("d", pg_oid::kText);
  EXPECT_ALIGNED(align(added, other_type, &kTable, true, CatalogAge::not_behind), 1, 2, 3, 4);

  const History shorter = History(kTable).rename("b", "e");
  const History gone = History(shorter).add("f", pg_oid::kText).drop("e").drop("f");
  EXPECT_EQ(align(shorter, gone, &kTable, true, CatalogAge::not_behind).kind, ColumnAlignment::Kind::several);
}

}  // namespace
}  // namespace luge
