#include "decode/pgoutput_decoder.h"

#include <algorithm>
#include <deque>
#include <gtest/gtest.h>
#include <string>
#include <vector>

#include "support/wire_writer.h"

namespace luge {
namespace {

const std::string kStreamStart = WireWriter().u8('S').u32(700).u8(1).str();
const std::string kStreamStop = WireWriter().u8('E').str();

template <class Body>
Body decode_as(PgOutputDecoder& decoder, std::string_view payload) {
  auto message = decoder.decode(payload);
  EXPECT_TRUE(message) << message.error().message();
  if (!message) return {};
  EXPECT_TRUE(std::holds_alternative<Body>(message->body)) << "variant " << message->body.index();
  return std::holds_alternative<Body>(message->body) ? std::get<Body>(std::move(message->body)) : Body{};
}

// The same for a payload that is made in place: messages borrow from it, so it lives as long as the test.
template <class Body>
Body decode_as(PgOutputDecoder& decoder, const WireWriter& payload) {
  static std::deque<std::string> kept;
  return decode_as<Body>(decoder, std::string_view(kept.emplace_back(payload.str())));
}

void expect_malformed(PgOutputDecoder& decoder, std::string_view payload, std::string_view why = {}) {
  const auto message = decoder.decode(payload);
  ASSERT_FALSE(message);
  EXPECT_EQ(message.error().code, "malformed");
  EXPECT_EQ(message.error().recovery, Recovery::stop_pipeline);
  EXPECT_NE(message.error().what.find(why), std::string::npos) << message.error().what;
}

WireWriter relation(std::uint32_t xid = 0) {
  WireWriter out;
  out.u8('R');
  if (xid != 0) out.u32(xid);
  out.u32(16384).c_string("public").c_string("orders").u8('d').i16(2);
  return out.u8(1).c_string("id").u32(23).i32(-1).u8(0).c_string("note").u32(1043).i32(68);
}

TEST(PgOutputDecoder, Begin) {
  PgOutputDecoder decoder;
  const auto begin = decode_as<BeginMessage>(decoder, WireWriter().u8('B').u64(0x16B374D848).u64(713'000'000'000'001).u32(0xFFFFFFFE));
  EXPECT_EQ(begin.final_lsn, Lsn{0x16B374D848});
  EXPECT_EQ(begin.commit_time, PgTimestamp{713'000'000'000'001});
  EXPECT_EQ(begin.xid, 0xFFFFFFFEU);
}

TEST(PgOutputDecoder, Commit) {
  PgOutputDecoder decoder;
  const auto commit = decode_as<CommitMessage>(decoder, WireWriter().u8('C').u8(0).u64(5).u64(6).u64(7));
  EXPECT_EQ(commit.commit_lsn, Lsn{5});
  EXPECT_EQ(commit.end_lsn, Lsn{6});
  EXPECT_EQ(commit.commit_time, PgTimestamp{7});
  expect_malformed(decoder, WireWriter().u8('C').u8(1).u64(5).u64(6).u64(7), "flags");
}

TEST(PgOutputDecoder, Origin) {
  PgOutputDecoder decoder;
  const auto origin = decode_as<OriginMessage>(decoder, WireWriter().u8('O').u64(9).c_string("elsewhere"));
  EXPECT_EQ(origin.origin_lsn, Lsn{9});
  EXPECT_EQ(origin.name, "elsewhere");
}

TEST(PgOutputDecoder, Relation) {
  PgOutputDecoder decoder;
  const auto orders = decode_as<RelationMessage>(decoder, relation());
  EXPECT_EQ(orders.oid, 16384U);
  EXPECT_EQ(orders.name, (TableName{"public", "orders"}));
  EXPECT_EQ(orders.identity, ReplicaIdentity::key);
  ASSERT_EQ(orders.columns.size(), 2U);
  EXPECT_EQ(orders.columns[0].name, "id");
  EXPECT_EQ(orders.columns[0].type_oid, 23U);
  EXPECT_EQ(orders.columns[0].typmod, -1);
  EXPECT_TRUE(orders.columns[0].in_identity);
  EXPECT_EQ(orders.columns[1].name, "note");
  EXPECT_EQ(orders.columns[1].typmod, 68);
  EXPECT_FALSE(orders.columns[1].in_identity);
}

TEST(PgOutputDecoder, RelationOfEveryIdentityAndNoOther) {
  PgOutputDecoder decoder;
  for (const char identity : {'d', 'n', 'f', 'i'}) {
    const auto table = decode_as<RelationMessage>(decoder, WireWriter().u8('R').u32(1).c_string("").c_string("t").u8(identity).i16(0));
    EXPECT_EQ(static_cast<char>(table.identity), identity);
    EXPECT_EQ(table.name.schema, "pg_catalog");
  }
  expect_malformed(decoder, WireWriter().u8('R').u32(1).c_string("s").c_string("t").u8('x').i16(0), "identity");
  expect_malformed(decoder, WireWriter().u8('R').u32(1).c_string("s").c_string("t").u8('d').i16(-1), "negative");
  expect_malformed(decoder, WireWriter().u8('R').u32(1).c_string("s").c_string("t").u8('d').i16(0x7FFF), "too early");
}

TEST(PgOutputDecoder, Type) {
  PgOutputDecoder decoder;
  const auto type = decode_as<TypeMessage>(decoder, WireWriter().u8('Y').u32(16390).c_string("").c_string("int4"));
  EXPECT_EQ(type.oid, 16390U);
  EXPECT_EQ(type.schema, "pg_catalog");
  EXPECT_EQ(type.name, "int4");
}

TEST(PgOutputDecoder, InsertWithEveryKindOfValue) {
  PgOutputDecoder decoder;
  const std::string payload =
      WireWriter().u8('I').u32(16384).u8('N').i16(5).text("42").null().unchanged().binary(std::string_view("\0\1", 2)).text("").str();
  const auto row = decode_as<RowMessage>(decoder, payload).row;
  EXPECT_EQ(row.relation, 16384U);
  EXPECT_EQ(row.op, RowOp::insert);
  EXPECT_EQ(row.old_tuple, OldTuple::none);
  EXPECT_TRUE(row.before.empty());
  ASSERT_EQ(row.after.size(), 5U);
  EXPECT_EQ(row.after[0].state, ValueState::text);
  EXPECT_EQ(row.after[0].bytes, "42");
  EXPECT_GE(row.after[0].bytes.data(), payload.data());  // borrowed
  EXPECT_LT(row.after[0].bytes.data(), payload.data() + payload.size());
  EXPECT_EQ(row.after[1].state, ValueState::null);
  EXPECT_EQ(row.after[2].state, ValueState::unchanged);
  EXPECT_EQ(row.after[3].state, ValueState::binary);
  EXPECT_EQ(row.after[3].bytes, std::string_view("\0\1", 2));
  EXPECT_EQ(row.after[4].state, ValueState::text);
  EXPECT_EQ(row.after[4].bytes, "");
}

TEST(PgOutputDecoder, UpdateWithoutAndWithOldTuples) {
  PgOutputDecoder decoder;
  const auto plain = decode_as<RowMessage>(decoder, WireWriter().u8('U').u32(1).u8('N').i16(1).text("b")).row;
  EXPECT_EQ(plain.op, RowOp::update);
  EXPECT_EQ(plain.old_tuple, OldTuple::none);
  EXPECT_TRUE(plain.before.empty());
  ASSERT_EQ(plain.after.size(), 1U);

  const auto keyed =
      decode_as<RowMessage>(decoder, WireWriter().u8('U').u32(1).u8('K').i16(2).text("1").null().u8('N').i16(2).text("2").unchanged()).row;
  EXPECT_EQ(keyed.old_tuple, OldTuple::key);
  ASSERT_EQ(keyed.before.size(), 2U);
  EXPECT_EQ(keyed.before[0].bytes, "1");
  EXPECT_EQ(keyed.before[1].state, ValueState::null);
  ASSERT_EQ(keyed.after.size(), 2U);
  EXPECT_EQ(keyed.after[0].bytes, "2");
  EXPECT_EQ(keyed.after[1].state, ValueState::unchanged);

  const auto full = decode_as<RowMessage>(decoder, WireWriter().u8('U').u32(1).u8('O').i16(1).text("a").u8('N').i16(1).text("b")).row;
  EXPECT_EQ(full.old_tuple, OldTuple::full);
  EXPECT_EQ(full.before[0].bytes, "a");
  EXPECT_EQ(full.after[0].bytes, "b");
}

TEST(PgOutputDecoder, Delete) {
  PgOutputDecoder decoder;
  const auto keyed = decode_as<RowMessage>(decoder, WireWriter().u8('D').u32(1).u8('K').i16(2).text("1").null()).row;
  EXPECT_EQ(keyed.op, RowOp::remove);
  EXPECT_EQ(keyed.old_tuple, OldTuple::key);
  EXPECT_EQ(keyed.before.size(), 2U);
  EXPECT_TRUE(keyed.after.empty());  // nothing is left over from an earlier row
  const auto full = decode_as<RowMessage>(decoder, WireWriter().u8('D').u32(1).u8('O').i16(1).text("1")).row;
  EXPECT_EQ(full.old_tuple, OldTuple::full);
}

TEST(PgOutputDecoder, TuplesOfTheWrongKind) {
  PgOutputDecoder decoder;
  expect_malformed(decoder, WireWriter().u8('I').u32(1).u8('K').i16(1).text("1"), "tuple kind");
  expect_malformed(decoder, WireWriter().u8('D').u32(1).u8('N').i16(1).text("1"), "tuple kind");
  expect_malformed(decoder, WireWriter().u8('U').u32(1).u8('K').i16(1).text("1").u8('K').i16(1).text("1"), "tuple kind");
  expect_malformed(decoder, WireWriter().u8('I').u32(1).u8('N').i16(1).u8('x'), "value kind");
}

TEST(PgOutputDecoder, LengthsAndCountsThatLie) {
  PgOutputDecoder decoder;
  expect_malformed(decoder, WireWriter().u8('I').u32(1).u8('N').i16(-1), "negative");
  expect_malformed(decoder, WireWriter().u8('I').u32(1).u8('N').i16(1).u8('t').i32(-1), "negative");
  expect_malformed(decoder, WireWriter().u8('I').u32(1).u8('N').i16(1).u8('t').i32(INT32_MIN), "negative");
  expect_malformed(decoder, WireWriter().u8('I').u32(1).u8('N').i16(1).u8('b').i32(INT32_MAX), "too early");
  expect_malformed(decoder, WireWriter().u8('T').i32(-1).u8(0), "negative");
  expect_malformed(decoder, WireWriter().u8('T').i32(INT32_MAX).u8(0), "too early");  // and nobody allocates 8 GiB
  expect_malformed(decoder, WireWriter().u8('M').u8(1).u64(1).c_string("p").i32(-5), "negative");
}

TEST(PgOutputDecoder, Truncate) {
  PgOutputDecoder decoder;
  const auto both = decode_as<TruncateMessage>(decoder, WireWriter().u8('T').i32(2).u8(3).u32(10).u32(11));
  EXPECT_TRUE(both.cascade);
  EXPECT_TRUE(both.restart_identity);
  EXPECT_EQ(both.relations, (std::vector<RelationOid>{10, 11}));
  const auto none = decode_as<TruncateMessage>(decoder, WireWriter().u8('T').i32(1).u8(0).u32(10));
  EXPECT_FALSE(none.cascade);
  EXPECT_FALSE(none.restart_identity);
}

TEST(PgOutputDecoder, LogicalMessage) {
  PgOutputDecoder decoder;
  const auto message =
      decode_as<LogicalMessage>(decoder, WireWriter().u8('M').u8(1).u64(77).c_string("luge").i32(3).bytes(std::string_view("a\0b", 3)));
  EXPECT_TRUE(message.transactional);
  EXPECT_EQ(message.lsn, Lsn{77});
  EXPECT_EQ(message.prefix, "luge");
  EXPECT_EQ(message.content, std::string_view("a\0b", 3));
  EXPECT_FALSE(decode_as<LogicalMessage>(decoder, WireWriter().u8('M').u8(0).u64(77).c_string("").i32(0)).transactional);
}

TEST(PgOutputDecoder, StreamedBlockCarriesTransactionIds) {
  PgOutputDecoder decoder;
  const auto start = decode_as<StreamStartMessage>(decoder, kStreamStart);
  EXPECT_EQ(start.xid, 700U);
  EXPECT_TRUE(start.first_segment);
  std::uint32_t xid = 700;
  for (const WireWriter& payload : {
           relation(700),
           WireWriter().u8('Y').u32(701).u32(16390).c_string("s").c_string("mood"),
           WireWriter().u8('I').u32(702).u32(1).u8('N').i16(1).text("1"),
           WireWriter().u8('U').u32(703).u32(1).u8('N').i16(1).text("1"),
           WireWriter().u8('D').u32(704).u32(1).u8('K').i16(1).text("1"),
           WireWriter().u8('T').u32(705).i32(1).u8(0).u32(1),
           WireWriter().u8('M').u32(706).u8(1).u64(1).c_string("p").i32(0),
       }) {
    const auto message = decoder.decode(payload);
    ASSERT_TRUE(message) << message.error().message();
    EXPECT_EQ(message->stream_xid, xid++);
  }
  const auto origin = decoder.decode(WireWriter().u8('O').u64(0).c_string("o"));  // carries none (logicalrep_write_origin)
  ASSERT_TRUE(origin);
  EXPECT_EQ(origin->stream_xid, 0U);
  decode_as<StreamStopMessage>(decoder, kStreamStop);
  const auto outside = decoder.decode(relation());
  ASSERT_TRUE(outside);
  EXPECT_EQ(outside->stream_xid, 0U);
  EXPECT_FALSE(decode_as<StreamStartMessage>(decoder, WireWriter().u8('S').u32(700).u8(0)).first_segment);
}

TEST(PgOutputDecoder, StreamCommitAndAbort) {
  PgOutputDecoder decoder;
  const auto commit = decode_as<StreamCommitMessage>(decoder, WireWriter().u8('c').u32(700).u8(0).u64(5).u64(6).u64(7));
  EXPECT_EQ(commit.xid, 700U);
  EXPECT_EQ(commit.commit_lsn, Lsn{5});
  EXPECT_EQ(commit.end_lsn, Lsn{6});
  EXPECT_EQ(commit.commit_time, PgTimestamp{7});
  const auto abort = decode_as<StreamAbortMessage>(decoder, WireWriter().u8('A').u32(700).u32(701));
  EXPECT_EQ(abort.xid, 700U);
  EXPECT_EQ(abort.subxid, 701U);
  expect_malformed(decoder, WireWriter().u8('A').u32(700).u32(701).u64(1).u64(2), "after the end");  // 'parallel' was not asked for
}

TEST(PgOutputDecoder, MessagesInTheWrongPlace) {
  PgOutputDecoder decoder;
  expect_malformed(decoder, kStreamStop, "without a stream start");
  decode_as<StreamStartMessage>(decoder, kStreamStart);
  expect_malformed(decoder, kStreamStart, "inside a streamed block");
  expect_malformed(decoder, WireWriter().u8('B').u64(1).u64(2).u32(3), "inside a streamed block");
  expect_malformed(decoder, WireWriter().u8('C').u8(0).u64(1).u64(2).u64(3), "inside a streamed block");
  expect_malformed(decoder, WireWriter().u8('c').u32(700).u8(0).u64(5).u64(6).u64(7), "inside a streamed block");
  expect_malformed(decoder, WireWriter().u8('A').u32(700).u32(701), "inside a streamed block");
  decoder.reset();
  decode_as<BeginMessage>(decoder, WireWriter().u8('B').u64(1).u64(2).u32(3));
}

TEST(PgOutputDecoder, ZeroIsNoTransaction) {
  PgOutputDecoder decoder;
  expect_malformed(decoder, WireWriter().u8('S').u32(0).u8(1), "transaction id");
  decode_as<StreamStartMessage>(decoder, kStreamStart);
  expect_malformed(decoder, WireWriter().u8('I').u32(0).u32(1).u8('N').i16(1).text("1"), "transaction id");
}

TEST(PgOutputDecoder, AFailedStreamStartOpensNoBlock) {
  PgOutputDecoder decoder;
  expect_malformed(decoder, kStreamStart + "x", "after the end");
  expect_malformed(decoder, kStreamStop, "without a stream start");
}

TEST(PgOutputDecoder, PreparedTransactionsAndUnknownTags) {
  PgOutputDecoder decoder;
  for (const char tag : {'b', 'P', 'K', 'r', 'p'})
    expect_malformed(decoder, WireWriter().u8(tag).u64(1).u64(2).u64(3).u32(4).c_string("gid"), "two-phase");
  expect_malformed(decoder, "Z", "'Z' is malformed at byte 0: unknown message tag");
  expect_malformed(decoder, std::string_view("\0", 1), "0x00");
  expect_malformed(decoder, "\xFF", "0xFF");
  expect_malformed(decoder, "", "without a tag");
}

TEST(PgOutputDecoder, ErrorsNameTagAndOffsetButNoValue) {
  PgOutputDecoder decoder;
  const std::string payload = WireWriter().u8('I').u32(1).u8('N').i16(2).text("secret").u8('t').i32(100).bytes("more secret").str();
  const auto message = decoder.decode(payload);
  ASSERT_FALSE(message);
  EXPECT_NE(message.error().what.find("'I' is malformed at byte 24"), std::string::npos) << message.error().what;
  EXPECT_EQ(message.error().message().find("secret"), std::string::npos);
}

// Every message, cut at every byte and one byte too long.
TEST(PgOutputDecoder, EveryPrefixOfEveryMessageIsAnError) {
  struct Case {
    bool in_stream;
    WireWriter payload;
  };
  const std::vector<Case> cases{
      {false, WireWriter().u8('B').u64(1).u64(2).u32(3)},
      {false, WireWriter().u8('C').u8(0).u64(1).u64(2).u64(3)},
      {false, WireWriter().u8('O').u64(1).c_string("origin")},
      {false, relation()},
      {true, relation(700)},
      {false, WireWriter().u8('Y').u32(16390).c_string("s").c_string("mood")},
      {true, WireWriter().u8('Y').u32(700).u32(16390).c_string("s").c_string("mood")},
      {false, WireWriter().u8('I').u32(1).u8('N').i16(4).text("abc").null().unchanged().binary("xy")},
      {true, WireWriter().u8('I').u32(700).u32(1).u8('N').i16(2).text("abc").null()},
      {false, WireWriter().u8('U').u32(1).u8('K').i16(2).text("1").null().u8('N').i16(2).text("2").text("x")},
      {true, WireWriter().u8('U').u32(700).u32(1).u8('O').i16(1).text("1").u8('N').i16(1).text("2")},
      {false, WireWriter().u8('D').u32(1).u8('O').i16(2).text("1").null()},
      {true, WireWriter().u8('D').u32(700).u32(1).u8('K').i16(2).text("1").null()},
      {false, WireWriter().u8('T').i32(2).u8(1).u32(1).u32(2)},
      {true, WireWriter().u8('T').u32(700).i32(1).u8(1).u32(1)},
      {false, WireWriter().u8('M').u8(1).u64(1).c_string("prefix").i32(4).bytes("body")},
      {true, WireWriter().u8('M').u32(700).u8(1).u64(1).c_string("prefix").i32(4).bytes("body")},
      {false, WireWriter().u8('S').u32(700).u8(1)},
      {true, WireWriter().u8('E')},
      {false, WireWriter().u8('c').u32(700).u8(0).u64(1).u64(2).u64(3)},
      {false, WireWriter().u8('A').u32(700).u32(701)},
  };
  for (const Case& test : cases) {
    const std::string& payload = test.payload.str();
    for (std::size_t length = 0; length <= payload.size() + 1; ++length) {
      PgOutputDecoder decoder;
      if (test.in_stream) {
        ASSERT_TRUE(decoder.decode(kStreamStart));
      }
      // An allocation of exactly this size: the sanitizers see any byte read beyond it.
      const std::vector<char> cut = [&] {
        std::vector<char> bytes(payload.begin(), payload.begin() + static_cast<std::ptrdiff_t>(std::min(length, payload.size())));
        if (length > payload.size()) bytes.push_back('\0');
        return bytes;
      }();
      const auto message = decoder.decode(std::string_view(cut.data(), cut.size()));
      EXPECT_EQ(message.has_value(), length == payload.size()) << payload[0] << " of " << payload.size() << " bytes, cut at " << length;
    }
  }
}

TEST(PgOutputDecoder, TuplesLiveUntilTheNextMessage) {
  PgOutputDecoder decoder;
  const std::string wide = WireWriter().u8('I').u32(1).u8('N').i16(3).text("1").text("2").text("3").str();
  const std::string narrow = WireWriter().u8('I').u32(1).u8('N').i16(1).text("9").str();
  const auto first = decode_as<RowMessage>(decoder, wide).row;
  EXPECT_EQ(first.after[2].bytes, "3");
  const ValueView* storage = first.after.data();
  EXPECT_EQ(decode_as<RowMessage>(decoder, narrow).row.after.size(), 1U);
  EXPECT_EQ(decode_as<RowMessage>(decoder, wide).row.after.data(), storage);  // reused, not allocated again
}

}  // namespace
}  // namespace luge
