#pragma once
#include "conformance/destination_fixture.h"

namespace luge::conformance {

using testing::ElementsAre;
using testing::IsEmpty;

/// users, with `bio` dropped, `name` renamed and two columns added.
inline TableSchemaPtr later_users() {
  ColumnSchema city = column("city", 4, ValueKind::text);
  city.missing_value = one_value(city, s("it's \"Oslo\""));
  return shape(1, {"public", "users"},
               {column("id", 1, ValueKind::int64), column("full_name", 2, ValueKind::text), city, column("age", 5, ValueKind::int32)}, {0});
}

TEST_P(DestinationConformance, a_shape_that_a_chunk_brings_in_the_middle_of_a_transaction) {
  open();
  const auto before = users();
  const auto after = later_users();
  make_table(before, chunks_of(ChunkMaker(before).copied({n(1), s("ann"), s("bio")})));
  deliver_at(100, live(ChunkMaker(before).row(RowOp::insert, {n(2), s("bob"), s("bio")}, 100, 0)),
             live(ChunkMaker(after)
                      .row(RowOp::insert, {n(3), s("cem"), s("Rome"), n(30)}, 100, 1)
                      .row(RowOp::update, {n(1), kAbsent, kAbsent, n(20)}, 100, 2)));
  EXPECT_THAT(rows(after), ElementsAre("1|ann|it's \"Oslo\"|20", "2|bob|it's \"Oslo\"|NULL", "3|cem|Rome|30"));
  deliver_at(200, live(ChunkMaker(after).row(RowOp::insert, {n(4), s("dan"), kNull, kNull}, 200, 0)));
  EXPECT_THAT(rows(after), ElementsAre("1|ann|it's \"Oslo\"|20", "2|bob|it's \"Oslo\"|NULL", "3|cem|Rome|30", "4|dan|NULL|NULL"));
  const Frontier& again = open();
  ASSERT_EQ(again.tables.size(), 1U);
  EXPECT_EQ(again.tables[0].state, TableState::live);
  EXPECT_TRUE(same_shape(*again.tables[0].schema, *after));
  deliver_at(300, live(ChunkMaker(after).row(RowOp::update, {n(2), s("rob"), kAbsent, n(1)}, 300, 0)));
  EXPECT_THAT(rows(after), ElementsAre("1|ann|it's \"Oslo\"|20", "2|rob|it's \"Oslo\"|1", "3|cem|Rome|30", "4|dan|NULL|NULL"));
  expect_logged(after, 5, 1);
}

TEST_P(DestinationConformance, a_shape_that_no_row_brings) {
  open();
  const auto before = users();
  const auto after = later_users();
  make_table(before);
  deliver_at(100, live(ChunkMaker(before).row(RowOp::insert, {n(1), s("ann"), s("bio")}, 100, 0)));
  SetTable reshape = set(after, TableState::live, 1);
  reshape.record.schema = after;
  deliver_now(reshape);
  EXPECT_THAT(rows(after), ElementsAre("1|ann|it's \"Oslo\"|NULL"));
  EXPECT_TRUE(same_shape(*open().tables.at(0).schema, *after));
  deliver_now(set(after, TableState::live, 1));  // a record without a shape keeps the one there is
  deliver_at(200, live(ChunkMaker(after).row(RowOp::insert, {n(2), s("bob"), s("Bonn"), n(3)}, 200, 0)));
  EXPECT_THAT(rows(after), ElementsAre("1|ann|it's \"Oslo\"|NULL", "2|bob|Bonn|3"));
  EXPECT_TRUE(same_shape(*open().tables.at(0).schema, *after));
}

TEST_P(DestinationConformance, a_shape_comes_again_after_a_crash) {
  open();
  const auto before = users();
  const auto after = later_users();
  make_table(before, chunks_of(ChunkMaker(before).copied({n(1), s("ann"), s("bio")})));
  deliver_at(100, live(ChunkMaker(before).row(RowOp::insert, {n(2), s("bob"), s("bio")}, 100, 0)));
  EXPECT_EQ(rows(before).size(), 2U);
  const auto old_part = [&] { return live(ChunkMaker(before).row(RowOp::update, {n(2), s("rob"), kAbsent}, 200, 0)); };
  const auto new_part = [&] { return live(ChunkMaker(after).row(RowOp::insert, {n(3), s("cem"), s("Rome"), n(30)}, 200, 1)); };
  deliver(batch_of(100, false, old_part()));
  deliver(batch_of(100, false, new_part()));
  std::this_thread::sleep_for(std::chrono::milliseconds(session_->pipelined() ? 300 : 0));
  EXPECT_EQ(open().checkpoint.commit_lsn, Lsn{100});
  deliver_at(300, old_part(), new_part(), live(ChunkMaker(after).row(RowOp::insert, {n(4), s("dan"), kNull, kNull}, 300, 0)));
  EXPECT_THAT(rows(after), ElementsAre("1|ann|it's \"Oslo\"|NULL", "2|rob|it's \"Oslo\"|NULL", "3|cem|Rome|30", "4|dan|NULL|NULL"));
  expect_logged(after, 4, 1);
}

TEST_P(DestinationConformance, a_shape_changes_while_the_copy_reads) {
  open();
  const auto before = users();
  const auto after = later_users();
  deliver_now(set(before, TableState::waiting, 1));
  deliver_at(100, pending(ChunkMaker(before).row(RowOp::insert, {n(1), s("seen"), s("bio")}, 100, 0, 10), 1));
  // The copy was read with the old shape; a transaction that it has not seen adds columns.
  deliver_at(200, pending(ChunkMaker(after).row(RowOp::insert, {n(2), s("unseen"), s("Rome"), n(3)}, 200, 0, 20), 1));
  copy(before, 1, chunks_of(ChunkMaker(before).copied({n(1), s("seen"), s("bio")})));
  deliver_now(FinishCopy{1, 1, {20, 20, {}}, before, 7});
  EXPECT_THAT(rows(after), ElementsAre("1|seen|it's \"Oslo\"|NULL", "2|unseen|Rome|3"));
  deliver_now(set(after, TableState::live, 1));
  deliver_at(300, live(ChunkMaker(after).row(RowOp::update, {n(1), s("live"), kAbsent, n(9)}, 300, 0, 21)));
  EXPECT_THAT(rows(after), ElementsAre("1|live|it's \"Oslo\"|9", "2|unseen|Rome|3"));
}

TEST_P(DestinationConformance, a_copy_that_knows_a_newer_shape_than_the_changes_before_it) {
  open();
  const auto before = users();
  const auto after = later_users();
  deliver_now(set(before, TableState::waiting, 1));
  deliver_at(100, pending(ChunkMaker(before).row(RowOp::insert, {n(1), s("seen"), s("bio")}, 100, 0, 10), 1));
  copy(after, 1, chunks_of(ChunkMaker(after).copied({n(1), s("seen"), s("Rome"), n(4)})));
  deliver_now(FinishCopy{1, 1, {31, 31, {}}, after, 7});
  EXPECT_THAT(rows(after), ElementsAre("1|seen|Rome|4"));
  deliver_now(set(after, TableState::live, 1));
  deliver_at(300, live(ChunkMaker(after).row(RowOp::insert, {n(2), s("live"), s("Bonn"), n(9)}, 300, 0, 31)));
  EXPECT_THAT(rows(after), ElementsAre("1|seen|Rome|4", "2|live|Bonn|9"));
}

TEST_P(DestinationConformance, another_key_goes_on_from_there) {
  open();
  const auto columns = [] {
    return std::vector<ColumnSchema>{column("a", 1, ValueKind::int64), column("b", 2, ValueKind::int64), column("v", 3, ValueKind::text)};
  };
  const auto by_a = shape(1, {"public", "t"}, columns(), {0});
  const auto by_b = shape(1, {"public", "t"}, columns(), {1});
  make_table(by_a, chunks_of(ChunkMaker(by_a).copied({n(1), n(11), s("x")}).copied({n(2), n(12), s("y")})));
  deliver_at(100, live(ChunkMaker(by_a).row(RowOp::update, {n(1), n(11), s("xx")}, 100, 0)));
  const Frontier changed = deliver_at(200, live(ChunkMaker(by_b)
                                                    .row(RowOp::update, {n(5), n(12), s("yy")}, 200, 0)
                                                    .row(RowOp::insert, {n(1), n(13), s("z")}, 200, 1)
                                                    .row(RowOp::remove, {kAbsent, n(11), kAbsent}, 200, 2)));
  if (!GetParam().keys_change) {
    ASSERT_EQ(changed.tables.size(), 1U);
    EXPECT_EQ(changed.tables[0].quarantine.value_or(Quarantine{}).code, "key_changed");
    deliver_now(set(by_b, TableState::resyncing, 2));
    copy(by_b, 2, chunks_of(ChunkMaker(by_b).copied({n(5), n(12), s("yy")}).copied({n(1), n(13), s("z")})));
    deliver_now(FinishCopy{1, 2, {1, 1, {}}, by_b, 7});
    deliver_now(set(by_b, TableState::live, 2));
    EXPECT_THAT(rows(by_b), ElementsAre("1|13|z", "5|12|yy"));
    return;
  }
  EXPECT_THAT(rows(by_b), ElementsAre("1|13|z", "5|12|yy"));
  expect_logged(by_b, 4, 2);
}

/// A kind of value, and two values of it in the words of the suite.
struct ScalarKind {
  ValueType type;
  std::pair<Value, std::string> some;
  std::pair<Value, std::string> other;
};

inline std::vector<ScalarKind> scalar_kinds() {
  const auto element = std::make_shared<ValueType>(ValueType{ValueKind::int64, 0, 0, nullptr});
  const auto plain = [](ValueKind kind) { return ValueType{kind, 0, 0, nullptr}; };
  using Elements = std::vector<std::optional<std::int64_t>>;
  return {
      {plain(ValueKind::int64), {n(-9'223'372'036'854'775'807), "-9223372036854775807"}, {n(2), "2"}},  // the key
      {plain(ValueKind::boolean), {n(1), "true"}, {n(0), "false"}},
      {plain(ValueKind::int16), {n(-32'768), "-32768"}, {n(32'767), "32767"}},
      {plain(ValueKind::int32), {n(-2'147'483'648), "-2147483648"}, {n(0), "0"}},
      {plain(ValueKind::uint32), {n(4'294'967'295), "4294967295"}, {n(0), "0"}},
      {plain(ValueKind::uint64), {n(-1), "18446744073709551615"}, {n(0), "0"}},
      {plain(ValueKind::float32), {-0.25, "-0.25"}, {0.0, "0.0"}},
      {plain(ValueKind::float64), {1.5e10, "15000000000.0"}, {-2.0, "-2.0"}},
      {{ValueKind::decimal, 18, 4, nullptr}, {n(-1'234'567'890'123'456), "-123456789012.3456"}, {n(0), "0.0000"}},
      {plain(ValueKind::text), {s("naïve \"quoted\"\n\t'\\ 日本"), "naïve \"quoted\"\n\t'\\ 日本"}, {s(""), ""}},
      {plain(ValueKind::json), {s("{\"a\":[1,\"x\"]}"), "{\"a\":[1,\"x\"]}"}, {s("\"text\""), "\"text\""}},
      {plain(ValueKind::binary), {s(std::string("\0\xff'a", 4)), "00FF2761"}, {s(""), ""}},
      {plain(ValueKind::date), {n(19'782), "2024-02-29"}, {n(-1), "1969-12-31"}},
      {plain(ValueKind::time), {n(86'399'123'457), "23:59:59.123457"}, {n(0), "00:00:00"}},
      {plain(ValueKind::timestamp), {n(1'709'209'496'123'457), "1709209496123457"}, {n(-1), "-1"}},
      {plain(ValueKind::timestamp_tz), {n(1'709'209'496'123'457), "1709209496123457"}, {n(0), "0"}},
      {plain(ValueKind::uuid),
       {s("0123456789abcdef"), "30313233-3435-3637-3839-616263646566"},
       {s(std::string(16, '\0')), "00000000-0000-0000-0000-000000000000"}},
      {{ValueKind::list, 0, 0, element}, {Elements{1, std::nullopt, -3}, "[1,null,-3]"}, {Elements{}, "[]"}},
  };
}

TEST_P(DestinationConformance, all_scalar_types) {
  open();
  std::vector<ScalarKind> kinds = scalar_kinds();
  std::erase_if(kinds, [](const ScalarKind& kind) { return GetParam().holds && !GetParam().holds(kind.type.kind); });
  std::vector<ColumnSchema> columns;
  std::vector<Value> some;
  std::vector<Value> others;
  std::string some_text;
  std::string others_text;
  for (const ScalarKind& kind : kinds) {
    const auto number = static_cast<std::int16_t>(columns.size() + 1);
    columns.push_back(column("c" + std::to_string(number), number, kind.type.kind));
    columns.back().value = kind.type;
    some.push_back(kind.some.first);
    others.push_back(kind.other.first);
    some_text += (number == 1 ? "" : "|") + kind.some.second;
    others_text += (number == 1 ? "" : "|") + kind.other.second;
  }
  const auto schema = shape(1, {"public", "kinds"}, columns, {0});
  std::vector<Value> nulls = {n(3)};
  nulls.resize(columns.size(), kNull);
  std::string nulls_text = "3";
  for (std::size_t i = 1; i < columns.size(); ++i) nulls_text += "|NULL";
  make_table(schema, chunks_of(ChunkMaker(schema).copied(some).copied(nulls)));
  EXPECT_THAT(rows(schema), ElementsAre(some_text, nulls_text));
  deliver_at(100, truncate(1, 100, 0),
             live(ChunkMaker(schema).row(RowOp::insert, some, 100, 1).row(RowOp::insert, nulls, 100, 2).row(RowOp::insert, others, 100, 3)));
  EXPECT_THAT(rows(schema), ElementsAre(some_text, others_text, nulls_text));
}

}  // namespace luge::conformance
