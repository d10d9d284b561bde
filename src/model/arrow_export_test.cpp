#include "model/arrow_export.h"

#include <gtest/gtest.h>
#include <string>

#include "model/arrow_layout.h"
#include "support/sample_chunk.h"

namespace luge {
namespace {

TableChunk copied(const TableSchemaPtr& schema, std::uint64_t seed, std::uint32_t rows, unsigned nulls_percent = 30) {
  SeededRandom random(seed);
  return sample_chunk(schema, {.rows = rows, .nulls_percent = nulls_percent, .streamed = false}, random);
}

TEST(ArrowExport, HandsOverTheVeryBuffers) {
  const TableSchemaPtr schema = every_kind_schema();
  TableChunk chunk = copied(schema, 1, 50);
  const void* values = chunk.columns[3].values.data();
  const void* validity = chunk.columns[3].validity.data();
  const void* offsets = chunk.columns[8].offsets.data();
  ArrowSchema out_schema;
  ArrowArray out_array;
  export_chunk(std::move(chunk), &out_schema, &out_array);
  EXPECT_EQ(out_array.length, 50);
  EXPECT_EQ(out_array.children[3]->buffers[0], validity);
  EXPECT_EQ(out_array.children[3]->buffers[1], values);
  EXPECT_EQ(out_array.children[8]->buffers[1], offsets);
  EXPECT_EQ(std::string(out_schema.format), "+s");
  EXPECT_EQ(std::string(out_schema.children[3]->format), "l");
  EXPECT_EQ(out_schema.children[3]->flags, ARROW_FLAG_NULLABLE);
  EXPECT_EQ(std::string(out_schema.children[18]->format), "d:38,10");
  out_array.release(&out_array);
  out_schema.release(&out_schema);
  EXPECT_EQ(out_array.release, nullptr);
  EXPECT_EQ(out_schema.release, nullptr);
}

TEST(ArrowExport, ChildrenMayBeMovedAway) {
  ArrowSchema out_schema;
  ArrowArray out_array;
  export_chunk(copied(every_kind_schema(), 2, 5), &out_schema, &out_array);
  ArrowArray moved = *out_array.children[8];
  out_array.children[8]->release = nullptr;
  out_array.release(&out_array);
  out_schema.release(&out_schema);
  EXPECT_EQ(moved.length, 5);
  moved.release(&moved);
}

TEST(ArrowImport, GivesBackWhatWasExported) {
  const TableSchemaPtr schema = every_kind_schema();
  for (const std::uint32_t rows : {0U, 1U, 8U, 100U}) {
    for (const unsigned nulls : {0U, 30U, 100U}) {
      ArrowSchema out_schema;
      ArrowArray out_array;
      export_chunk(copied(schema, 3, rows, nulls), &out_schema, &out_array);
      const auto back = import_chunk(schema, &out_schema, &out_array);
      ASSERT_TRUE(back) << back.error().message();
      EXPECT_TRUE(same_chunk(*back, copied(schema, 3, rows, nulls)));
      EXPECT_EQ(out_array.release, nullptr);
      EXPECT_EQ(out_schema.release, nullptr);
    }
  }
}

TEST(ArrowImport, HonoursOffsets) {
  const TableSchemaPtr schema = every_kind_schema();
  for (const int on_children : {0, 1}) {
    ArrowSchema out_schema;
    ArrowArray out_array;
    export_chunk(copied(schema, 4, 60), &out_schema, &out_array);
    if (on_children == 1) {
      for (std::int64_t i = 0; i < out_array.n_children; ++i) {
        out_array.children[i]->offset = 13;
        out_array.children[i]->length = 47;
      }
    } else {
      out_array.offset = 13;
    }
    out_array.length = 40;
    const auto back = import_chunk(schema, &out_schema, &out_array);
    ASSERT_TRUE(back) << back.error().message();
    // The same rows, cut by other means.
    TableChunk expected = copied(schema, 4, 60);
    expected.truncate(53);
    ArrowSchema expected_schema;
    ArrowArray expected_array;
    export_chunk(std::move(expected), &expected_schema, &expected_array);
    expected_array.offset = 13;
    expected_array.length = 40;
    const auto other = import_chunk(schema, &expected_schema, &expected_array);
    ASSERT_TRUE(other);
    EXPECT_TRUE(same_chunk(*back, *other));
    EXPECT_EQ(back->rows, 40U);
    EXPECT_EQ(layout_fault(*back), nullptr);
    EXPECT_EQ(back->columns[2].values.as<std::int32_t>()[0], copied(schema, 4, 60).columns[2].values.as<std::int32_t>()[13]);
  }
}

TEST(ArrowImport, EmptiesTheSlotsOfNulls) {
  auto schema = std::make_shared<TableSchema>(*every_kind_schema());
  ArrowSchema out_schema;
  ArrowArray out_array;
  TableChunk chunk = copied(schema, 5, 40, 0);
  // Nulls laid over values, as computing libraries do.
  for (ArrowColumn& column : chunk.columns) {
    column.validity.resize(5);
    std::memset(column.validity.data(), 0b10101010, 5);
    column.null_count = 20;
  }
  export_chunk(std::move(chunk), &out_schema, &out_array);
  const auto back = import_chunk(schema, &out_schema, &out_array);
  ASSERT_TRUE(back) << back.error().message();
  EXPECT_EQ(layout_fault(*back), nullptr);
  for (const ArrowColumn& column : back->columns) EXPECT_EQ(column.null_count, 20U);
}

TEST(ArrowImport, RefusesAnotherShape) {
  const TableSchemaPtr schema = every_kind_schema();
  const auto refused = [&](auto spoil) {
    ArrowSchema out_schema;
    ArrowArray out_array;
    export_chunk(copied(schema, 6, 20), &out_schema, &out_array);
    spoil(out_schema, out_array);
    const auto back = import_chunk(schema, &out_schema, &out_array);
    EXPECT_EQ(out_array.release, nullptr);
    EXPECT_EQ(out_schema.release, nullptr);
    return !back && back.error().code == "arrow_mismatch";
  };
  static std::uint8_t not_utf8[4096];
  std::memset(not_utf8, 0xFF, sizeof not_utf8);
  static std::uint8_t some_null[8] = {0xFE, 0xFF, 0xFF};
  EXPECT_FALSE(refused([](ArrowSchema&, ArrowArray&) {}));
  EXPECT_TRUE(refused([](ArrowSchema& s, ArrowArray&) { s.format = "i"; }));
  EXPECT_TRUE(refused([](ArrowSchema& s, ArrowArray&) { s.children[2]->format = "l"; }));
  EXPECT_TRUE(refused([](ArrowSchema& s, ArrowArray&) { s.children[15]->format = "tsu:Europe/Berlin"; }));
  EXPECT_TRUE(refused([](ArrowSchema& s, ArrowArray&) { s.children[2]->name = "other"; }));
  EXPECT_TRUE(refused([](ArrowSchema& s, ArrowArray&) { std::swap(s.children[2], s.children[3]); }));
  EXPECT_TRUE(refused([](ArrowSchema& s, ArrowArray&) { s.children[20]->children[0]->format = "l"; }));
  EXPECT_TRUE(refused([](ArrowSchema&, ArrowArray& a) { a.length = 21; }));
  EXPECT_TRUE(refused([](ArrowSchema&, ArrowArray& a) { a.length = -1; }));
  EXPECT_TRUE(refused([](ArrowSchema&, ArrowArray& a) { a.buffers[0] = some_null; }));
  EXPECT_TRUE(refused([](ArrowSchema&, ArrowArray& a) { a.children[8]->buffers[2] = not_utf8; }));
}

}  // namespace
}  // namespace luge
