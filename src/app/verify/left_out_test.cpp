#include "app/verify/left_out.h"

#include <gtest/gtest.h>

namespace luge {
namespace {

TableName named(const char* table) { return {"public", table}; }

TableOfMirror mirrored(RelationOid oid, const char* name, TableState state) {
  TableOfMirror table;
  table.oid = oid;
  table.name = named(name);
  table.state = state;
  return table;
}

VerifyScope scope_of(std::vector<TableName> names = {}) {
  VerifyScope scope;
  scope.selected = [](const TableName& name) { return name.table != "ignored"; };
  scope.named = std::move(names);
  scope.publication = "luge_shop";
  return scope;
}

std::string list(const std::vector<TableComparison>& tables) {
  std::string out;
  for (const TableComparison& table : tables) {
    EXPECT_EQ(table.outcome, TableComparison::Outcome::not_compared);
    EXPECT_FALSE(table.note.empty());
    out += (out.empty() ? "" : " ") + table.name.table;
  }
  return out;
}

const std::vector<ListedTable> kSource{{1, named("followed"), true},     {2, named("given_up"), false}, {3, named("fresh"), true},
                                       {4, named("unpublished"), false}, {5, named("ignored"), false},  {7, named("again"), true}};
const std::vector<TableOfMirror> kMirror{mirrored(1, "followed", TableState::live),   mirrored(2, "given_up", TableState::dropped),
                                         mirrored(5, "ignored", TableState::dropped), mirrored(6, "again", TableState::dropped),
                                         mirrored(7, "again", TableState::live),      mirrored(8, "gone", TableState::dropped)};

TEST(LeftOut, SelectedTablesThatTheMirrorDoesNotFollow) {
  const auto tables = left_out_tables(kSource, kMirror, scope_of(), {});
  EXPECT_EQ(list(tables), "given_up fresh unpublished");
  EXPECT_NE(tables[0].note.find("ALTER PUBLICATION \"luge_shop\" ADD TABLE \"public\".\"given_up\""), std::string::npos) << tables[0].note;
  EXPECT_NE(tables[1].note.find("not taken it in yet"), std::string::npos) << tables[1].note;
  EXPECT_NE(tables[2].note.find("not in the publication"), std::string::npos) << tables[2].note;
}

TEST(LeftOut, NamedTablesAreAlwaysSpokenOf) {
  EXPECT_EQ(list(left_out_tables(kSource, kMirror, scope_of({named("followed")}), {})), "");
  EXPECT_EQ(list(left_out_tables(kSource, kMirror, scope_of({named("again")}), {})), "");
  EXPECT_EQ(list(left_out_tables(kSource, kMirror, scope_of({named("fresh")}), {})), "fresh");
  EXPECT_EQ(list(left_out_tables(kSource, kMirror, scope_of({named("ignored")}), {})), "ignored");
  const auto gone = left_out_tables(kSource, kMirror, scope_of({named("gone")}), {});
  EXPECT_EQ(list(gone), "gone");
  EXPECT_NE(gone.front().note.find("no such table any more"), std::string::npos);
}

TEST(LeftOut, ATableInThePublicationAgainIsCopiedAgain) {
  const std::vector<ListedTable> source{{2, named("given_up"), true}};
  const auto tables = left_out_tables(source, kMirror, scope_of(), {});
  EXPECT_EQ(list(tables), "given_up");
  EXPECT_NE(tables.front().note.find("copies it again"), std::string::npos);
}

TEST(LeftOut, ATableThatIsNotSelectedAnyMoreSaysSo) {
  for (const bool published : {true, false}) {
    const std::vector<ListedTable> source{{5, named("ignored"), published}};
    EXPECT_EQ(list(left_out_tables(source, kMirror, scope_of(), {})), "");
    const auto tables = left_out_tables(source, kMirror, scope_of({named("ignored")}), {});
    EXPECT_EQ(list(tables), "ignored");
    EXPECT_NE(tables.front().note.find("--tables does not select it"), std::string::npos) << tables.front().note;
  }
}

TEST(LeftOut, WhatStandsAgainstPublishingComesFirst) {
  const TableFinding obstacle{TableFinding::Kind::no_identity, 4, named("unpublished"), "it has no usable replica identity", "ALTER TABLE …;"};
  const auto tables = left_out_tables(kSource, kMirror, scope_of({named("unpublished")}), {{4, obstacle}});
  EXPECT_EQ(list(tables), "unpublished");
  const std::string& note = tables.front().note;
  EXPECT_NE(note.find("no usable replica identity"), std::string::npos) << note;
  EXPECT_LT(note.find("ALTER TABLE …;"), note.find("ADD TABLE")) << note;
}

TEST(LeftOut, ARenamedTableIsTheSameTable) {
  const std::vector<ListedTable> source{{1, named("renamed"), true}, {2, named("moved"), false}};
  EXPECT_EQ(list(left_out_tables(source, kMirror, scope_of(), {})), "moved");
  EXPECT_EQ(list(left_out_tables(source, kMirror, scope_of({named("given_up")}), {})), "moved");
}

}  // namespace
}  // namespace luge
