#include "model/row_filter.h"

#include <gtest/gtest.h>
#include <vector>

#include "model/arrow_layout.h"
#include "model/chunk_codec.h"
#include "support/sample_chunk.h"

namespace luge {
namespace {

/// Row `row` alone.
TableChunk row_of(const TableSchemaPtr& schema, const SampleOptions& options, std::uint64_t seed, std::uint32_t row) {
  SeededRandom random(seed);
  TableChunk chunk = sample_chunk(schema, options, random);
  const RowRange range{row, row + 1};
  keep_rows(chunk, {&range, 1});
  return chunk;
}

TEST(RowFilter, KeepsTheRowsItIsTold) {
  const TableSchemaPtr schema = every_kind_schema();
  const SampleOptions options{.rows = 70, .absent_percent = 20, .rows_a_run = 7};
  for (std::uint64_t seed = 1; seed <= 6; ++seed) {
    SeededRandom random(seed);
    TableChunk chunk = sample_chunk(schema, options, random);
    std::vector<RowRange> ranges;
    std::vector<std::uint32_t> rows;
    for (std::uint32_t begin = 0; begin < chunk.rows;) {
      const auto end = static_cast<std::uint32_t>(std::min<std::uint64_t>(chunk.rows, begin + random.below(9)));
      if (random.chance(1, 2)) {
        ranges.push_back({begin, end});
        for (std::uint32_t row = begin; row < end; ++row) rows.push_back(row);
      }
      begin = end;
    }
    keep_rows(chunk, ranges);
    ASSERT_EQ(chunk.rows, rows.size());
    ASSERT_EQ(layout_fault(chunk), nullptr);
    for (std::uint32_t i = 0; i < chunk.rows; ++i) {
      // Compared one by one, cut out of what was kept and out of the whole.
      const TableChunk expected = row_of(schema, options, seed, rows[i]);
      Buffer bytes;
      encode_chunk(chunk, bytes);
      auto copy = decode_chunk({bytes.as<char>(), bytes.size()});
      ASSERT_TRUE(copy);
      const RowRange range{i, i + 1};
      keep_rows(*copy, {&range, 1});
      ASSERT_TRUE(same_chunk(expected, *copy)) << "row " << rows[i];
    }
  }
}

TEST(RowFilter, AllAndNone) {
  const TableSchemaPtr schema = every_kind_schema();
  SeededRandom random(9);
  TableChunk chunk = sample_chunk(schema, {.rows = 20}, random);
  const RowRange all{0, 20};
  keep_rows(chunk, {&all, 1});
  EXPECT_EQ(chunk.rows, 20U);
  keep_rows(chunk, {});
  EXPECT_EQ(chunk.rows, 0U);
  EXPECT_EQ(layout_fault(chunk), nullptr);
  EXPECT_TRUE(chunk.runs.empty());
}

TEST(DropVisible, KeepsTransactionsTheSnapshotDoesNotSee) {
  SeededRandom random(10);
  TableChunk chunk = sample_chunk(every_kind_schema(), {.rows = 50, .rows_a_run = 10}, random);  // xids 500 ... 504
  drop_visible(chunk, Snapshot{501, 503, {501}});                                                // sees 500 and 502
  ASSERT_EQ(chunk.runs.size(), 3U);
  EXPECT_EQ(chunk.runs[0].xid, 501U);
  EXPECT_EQ(chunk.runs[1].xid, 503U);
  EXPECT_EQ(chunk.runs[2].xid, 504U);
  EXPECT_EQ(chunk.rows, 30U);
  EXPECT_EQ(chunk.runs[1].end_row, 20U);
  EXPECT_EQ(layout_fault(chunk), nullptr);
  drop_visible(chunk, Snapshot{600, 600, {}});
  EXPECT_EQ(chunk.rows, 0U);
}

TEST(DropVisible, LeavesCopiedRowsAlone) {
  SeededRandom random(11);
  TableChunk chunk = sample_chunk(every_kind_schema(), {.rows = 5, .streamed = false}, random);
  drop_visible(chunk, Snapshot{600, 600, {}});
  EXPECT_EQ(chunk.rows, 5U);
}

TEST(TableChunks, CutAtAnyRow) {
  const TableSchemaPtr schema = every_kind_schema();
  for (std::uint32_t kept = 0; kept <= 33; ++kept) {
    SeededRandom random(12);
    TableChunk chunk = sample_chunk(schema, {.rows = 33, .absent_percent = 10, .rows_a_run = 5}, random);
    SeededRandom again(12);
    TableChunk filtered = sample_chunk(schema, {.rows = 33, .absent_percent = 10, .rows_a_run = 5}, again);
    chunk.truncate(kept);
    const RowRange range{0, kept};
    keep_rows(filtered, {&range, 1});
    EXPECT_EQ(layout_fault(chunk), nullptr);
    EXPECT_TRUE(same_chunk(chunk, filtered)) << kept;
  }
}

TEST(TableChunks, InsertOnlyLooksAtOpsAndPresence) {
  SeededRandom random(13);
  TableChunk chunk = sample_chunk(every_kind_schema(), {.rows = 12}, random);
  std::fill(chunk.ops.begin(), chunk.ops.end(), RowOp::insert);
  EXPECT_TRUE(chunk.insert_only());
  chunk.present.resize(chunk.columns.size());
  chunk.present[3].push(std::uint16_t{0x0FFF});
  EXPECT_TRUE(chunk.insert_only());
  clear_bit(chunk.present[3].data(), 11);
  EXPECT_FALSE(chunk.insert_only());
  chunk.present.clear();
  chunk.ops[5] = RowOp::update;
  EXPECT_FALSE(chunk.insert_only());
}

}  // namespace
}  // namespace luge
