#include "destination/snowflake/rest/row_packer.h"

#include <zstd.h>

#include "destination/snowflake/rest/rest_test_support.h"

namespace luge {
namespace {

std::string unpacked(const Buffer& packed) {
  const auto size = ZSTD_getFrameContentSize(packed.data(), packed.size());
  std::string text(size, '\0');
  EXPECT_EQ(ZSTD_decompress(text.data(), text.size(), packed.data(), packed.size()), size);
  return text;
}

/// Packs everything, request after request, and checks every one against the limits.
std::vector<std::size_t> pack_all(RowPacker& packer, const EncodedRows& rows, RowPacker::Limits limits) {
  std::vector<std::size_t> counts;
  std::string all;
  for (std::size_t from = 0; from < rows.rows.size();) {
    Buffer packed;
    const std::size_t count = packer.pack(rows, from, packed);
    if (count == 0) {
      ADD_FAILURE() << "row " << from << " does not fit";
      break;
    }
    EXPECT_LE(packed.size(), limits.packed_bytes);
    const std::string text = unpacked(packed);
    EXPECT_TRUE(count == 1 || text.size() <= limits.plain_bytes) << text.size();
    all += text;
    from += count;
    counts.push_back(count);
  }
  EXPECT_EQ(all, std::string_view(reinterpret_cast<const char*>(rows.text.data()), rows.text.size()));
  return counts;
}

TEST(RowPacker, takes_all_rows_that_fit) {
  RowPacker packer;
  EXPECT_EQ(pack_all(packer, lines(1000), {}), (std::vector<std::size_t>{1000}));
}

TEST(RowPacker, splits_by_plain_size_what_compresses_well) {
  const RowPacker::Limits limits{100'000, 10'000};
  RowPacker packer(1, limits);
  const auto counts = pack_all(packer, lines(1000, std::string(80, 'x')), limits);
  EXPECT_GE(counts.size(), 10U);
  EXPECT_LE(counts.size(), 12U);
}

TEST(RowPacker, never_exceeds_the_packed_limit_and_comes_close_to_it) {
  SeededRandom random(5);
  EncodedRows rows;
  for (std::size_t i = 0; i < 3000; ++i) {  // first what compresses well, then noise
    const std::string line = "{\"V\":\"" + (i < 1000 ? std::string(500, 'x') : noise(500, random)) + "\"}\n";
    rows.text.append(line.data(), line.size());
    rows.rows.push_back({rows.text.size(), position(i)});
  }
  const RowPacker::Limits limits{100'000, 400'000};
  RowPacker packer(1, limits);
  const auto counts = pack_all(packer, rows, limits);
  EXPECT_LE(counts.size(), 20U);  // 2000 rows of noise are 750 kB packed
}

TEST(RowPacker, a_single_row_that_is_too_large_is_said_so_and_the_rows_before_it_go) {
  SeededRandom random(5);
  RowPacker packer;
  EncodedRows rows = lines(2, noise(6'000'000, random));
  Buffer packed;
  EXPECT_EQ(packer.pack(rows, 0, packed), 0U);
  EXPECT_TRUE(packed.empty());
  EncodedRows mixed = lines(10);
  mixed.text.append(rows.text.data(), rows.rows[0].end);
  mixed.rows.push_back({mixed.text.size(), position(10)});
  std::size_t from = 0;
  while (from < 10) {
    const std::size_t count = packer.pack(mixed, from, packed);
    ASSERT_GT(count, 0U);
    from += count;
  }
  ASSERT_EQ(from, 10U);
  EXPECT_EQ(packer.pack(mixed, 10, packed), 0U);
}

TEST(RowPacker, a_large_row_that_compresses_goes_alone) {
  RowPacker packer;
  Buffer packed;
  EXPECT_EQ(packer.pack(lines(2, std::string(12'000'000, 'x')), 0, packed), 1U);
}

TEST(RowPacker, the_same_rows_are_the_same_bytes_whatever_was_packed_between) {
  SeededRandom random(5);
  RowPacker packer;
  const EncodedRows rows = noisy_lines(8000, 1000, random);
  Buffer first, other, again;
  const std::size_t count = packer.pack(rows, 100, first);
  const std::size_t room = packer.room();
  ASSERT_LT(count, 7900U);
  packer.pack(lines(5000, "y"), 0, other);
  packer.pack(rows, 3000, other);
  ASSERT_TRUE(packer.shrink(1'000'000));
  ASSERT_TRUE(packer.pack_again(rows, 100, count, room, again));
  EXPECT_EQ(std::string_view(first.as<char>(), first.size()), std::string_view(again.as<char>(), again.size()));
  EXPECT_FALSE(packer.pack_again(rows, 100, count * 2, room, again));
}

TEST(RowPacker, shrinks_when_the_server_takes_less) {
  SeededRandom random(5);
  RowPacker packer;
  const EncodedRows rows = noisy_lines(2000, 1000, random);
  Buffer packed;
  const std::size_t before = packer.pack(rows, 0, packed);
  ASSERT_EQ(before, 2000U);
  const std::size_t size = packed.size();
  ASSERT_TRUE(packer.shrink(size));
  EXPECT_LT(packer.pack(rows, 0, packed), before);
  EXPECT_LE(packed.size(), size / 2);
  int more = 0;
  while (packer.shrink(packed.size())) ++more;
  EXPECT_GT(more, 1);
  EXPECT_GT(packer.pack(rows, 0, packed), 0U);
  EXPECT_LE(packed.size(), RowPacker::kLeastLimit);
}

}  // namespace
}  // namespace luge
