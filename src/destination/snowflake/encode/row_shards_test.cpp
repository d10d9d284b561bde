#include "destination/snowflake/encode/row_shards.h"

#include <algorithm>
#include <array>

#include "destination/snowflake/encode/encode_test_support.h"

namespace luge {
namespace {

TableChunk keyed_chunk(ArrowColumn key, std::vector<std::int32_t> others) {
  TableChunk chunk;
  chunk.rows = static_cast<std::uint32_t>(key.length);
  chunk.schema = schema_of({{"ID", key.type}, {"V", plain(ValueKind::int32)}});
  chunk.columns.push_back(std::move(key));
  std::vector<std::optional<std::int32_t>> values(others.begin(), others.end());
  chunk.columns.push_back(fixed_column<std::int32_t>(plain(ValueKind::int32), values));
  return chunk;
}

std::vector<std::optional<std::int64_t>> counted(std::int64_t count) {
  std::vector<std::optional<std::int64_t>> values;
  for (std::int64_t i = 0; i < count; ++i) values.emplace_back(i);
  return values;
}

/// Another rule would send a key's later changes through another channel than its earlier ones.
TEST(RowShards, TheRuleStays) {
  const auto integers =
      row_shards(keyed_chunk(fixed_column<std::int64_t>(plain(ValueKind::int64), {0, 1, 2, -1, INT64_MAX, 42, 1000}), {0, 0, 0, 0, 0, 0, 0}), 16);
  EXPECT_EQ(integers, (std::vector<std::uint16_t>{11, 5, 14, 0, 3, 9, 13}));
  const auto texts =
      row_shards(keyed_chunk(bytes_column(plain(ValueKind::text), {"", "a", "b", "12345678", "123456789", "ü"}), {0, 0, 0, 0, 0, 0}), 16);
  EXPECT_EQ(texts, (std::vector<std::uint16_t>{11, 1, 9, 5, 3, 2}));
}

TEST(RowShards, DependOnTheKeyOnly) {
  const auto key = [] { return fixed_column<std::int64_t>(plain(ValueKind::int64), {5, 6, 7}); };
  EXPECT_EQ(row_shards(keyed_chunk(key(), {1, 2, 3}), 8), row_shards(keyed_chunk(key(), {9, 9, 9}), 8));
  EXPECT_EQ(row_shards(keyed_chunk(key(), {1, 2, 3}), 8),
            row_shards(keyed_chunk(fixed_column<std::int16_t>(plain(ValueKind::int16), {5, 6, 7}), {1, 2, 3}), 8));
}

TEST(RowShards, AreAboutAsLarge) {
  constexpr std::int64_t kRows = 100'000;
  const auto shards =
      row_shards(keyed_chunk(fixed_column<std::int64_t>(plain(ValueKind::int64), counted(kRows)), std::vector<std::int32_t>(kRows, 0)), 7);
  for (std::uint16_t shard = 0; shard < 7; ++shard) {
    const auto rows = std::count(shards.begin(), shards.end(), shard);
    EXPECT_GT(rows, kRows / 7 * 95 / 100);
    EXPECT_LT(rows, kRows / 7 * 105 / 100);
  }
  EXPECT_LT(*std::max_element(shards.begin(), shards.end()), 7);
}

TEST(RowShards, AKeyChangeStaysWithTheOldKey) {
  TableChunk chunk = keyed_chunk(fixed_column<std::int64_t>(plain(ValueKind::int64), {1, 100, 3, 2, 100, 100}), {0, 0, 0, 0, 0, 0});
  const auto alone = row_shards(chunk, 1000);
  chunk.ops = {RowOp::old_image, RowOp::update, RowOp::insert, RowOp::old_image, RowOp::update, RowOp::remove};
  const auto shards = row_shards(chunk, 1000);
  EXPECT_EQ(shards, (std::vector<std::uint16_t>{alone[0], alone[0], alone[2], alone[3], alone[3], alone[5]}));
  EXPECT_NE(alone[0], alone[1]);
}

TEST(RowShards, EveryKindOfKeyCounts) {
  std::vector<ArrowColumn> keys;
  keys.push_back(boolean_column({true, false}));
  keys.push_back(fixed_column<std::int16_t>(plain(ValueKind::int16), {1, 2}));
  keys.push_back(fixed_column<std::uint32_t>(plain(ValueKind::uint32), {1, 2}));
  keys.push_back(fixed_column<double>(plain(ValueKind::float64), {1.0, 2.0}));
  keys.push_back(fixed_column<std::array<std::uint8_t, 16>>(plain(ValueKind::uuid), {{{1}}, {{2}}}));
  keys.push_back(fixed_column<std::array<std::uint8_t, 16>>(decimal(20, 2), {{{1}}, {{2}}}));
  keys.push_back(bytes_column(plain(ValueKind::binary), {"x", std::string("x\0", 2)}));
  keys.push_back(list_column(fixed_column<std::int32_t>(plain(ValueKind::int32), {1, 1, 2}), {1, 2}));
  keys.push_back(fixed_column<std::int64_t>(plain(ValueKind::timestamp), {1, std::nullopt}));
  for (ArrowColumn& key : keys) {
    const std::string type = to_string(key.type);
    const auto shards = row_shards(keyed_chunk(std::move(key), {0, 0}), 50'000);
    EXPECT_NE(shards[0], shards[1]) << type;
  }
}

TEST(RowShards, KeylessTablesAreNotDivided) {
  TableChunk chunk = keyed_chunk(fixed_column<std::int64_t>(plain(ValueKind::int64), counted(100)), std::vector<std::int32_t>(100, 0));
  chunk.schema = schema_of({{"ID", plain(ValueKind::int64)}, {"V", plain(ValueKind::int32)}}, {});
  EXPECT_EQ(row_shards(chunk, 8), std::vector<std::uint16_t>(100, 0));
}

}  // namespace
}  // namespace luge
