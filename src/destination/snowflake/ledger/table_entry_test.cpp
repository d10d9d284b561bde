#include "destination/snowflake/ledger/table_entry.h"

#include <gtest/gtest.h>

namespace luge {
namespace {

Position at(std::uint64_t lsn, std::uint64_t ordinal = 0) { return {1, Lsn{lsn}, ordinal}; }

TEST(TableEntry, EverythingComesBack) {
  TableEntry entry;
  entry.record = {42,
                  {"public", "or\"ders"},
                  TableState::quarantined,
                  3,
                  nullptr,
                  Snapshot{10, 20, {12, 15}},
                  Quarantine{"misfit", "why", "c", "int4", at(7, 8), "fix"},
                  99};
  entry.has_log = true;
  entry.layout.place = {"PUBLIC", "ORDERS", "ORDERS__LOG"};
  entry.layout.soft_delete = true;
  entry.layout.columns = {{1, "ID", "NUMBER(38,0)", true, std::nullopt, false, "int8", std::nullopt, {}},
                          {4, "V", "VARCHAR", false, "'x'", true, "text", at(100, 2), {{"W", at(50)}, {"U", at(60)}}}};
  entry.generation = 5;
  entry.shards = 4;
  entry.generation_floor = at(33);
  entry.fold = {true, at(11), Snapshot{1, 2, {}}, at(12), at(16), {at(13), at(14)}, {at(15)}};
  entry.early_truncates = {7, 1ULL << 40};
  const auto back = decode_table_entry(encode_table_entry(entry));
  ASSERT_TRUE(back) << back.error().message();
  EXPECT_EQ(back->layout, entry.layout);
  EXPECT_EQ(back->fold, entry.fold);
  EXPECT_EQ(back->generation, 5u);
  EXPECT_EQ(back->shards, 4u);
  EXPECT_EQ(back->generation_floor, at(33));
  EXPECT_EQ(back->early_truncates, entry.early_truncates);
  EXPECT_EQ(back->record.name, entry.record.name);
  EXPECT_EQ(back->record.state, TableState::quarantined);
  EXPECT_EQ(back->record.attempt, 3u);
  EXPECT_EQ(back->record.snapshot, entry.record.snapshot);
  EXPECT_EQ(back->record.quarantine->position, at(7, 8));
  EXPECT_EQ(back->record.file_node, 99u);
}

TEST(TableEntry, WhatCannotBeReadIsAnErrorAndNoCrash) {
  for (const char* text : {"", "{}", "[]", "{\"version\":2}", "{\"version\":1,\"oid\":\"x\"}"}) {
    EXPECT_EQ(decode_table_entry(text).error().code, "corrupt") << text;
    EXPECT_EQ(decode_meta_entry(text).error().code, "corrupt") << text;
    EXPECT_EQ(decode_channel_mark(text).error().code, "corrupt") << text;
  }
}

TEST(TableEntry, MetaAndMarks) {
  const MetaEntry meta{"u-1", {3, Lsn{77}, Lsn{88}, {Lsn{66}, {-5}}}, true, true, "view"};
  const auto back = decode_meta_entry(encode_meta_entry(meta));
  ASSERT_TRUE(back);
  EXPECT_EQ(back->uuid, "u-1");
  EXPECT_EQ(back->checkpoint, meta.checkpoint);
  EXPECT_EQ(back->checkpoint.witness, meta.checkpoint.witness);
  EXPECT_TRUE(back->settled);
  EXPECT_TRUE(back->log_mode);
  EXPECT_EQ(back->current_state, "view");
  for (const ChannelMark& mark : {ChannelMark{at(5, 6), 7, 8}, ChannelMark{}}) EXPECT_EQ(*decode_channel_mark(encode_channel_mark(mark)), mark);
}

}  // namespace
}  // namespace luge
