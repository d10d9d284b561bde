#include "model/chunk_codec.h"

#include <gtest/gtest.h>
#include <string>

#include "model/arrow_layout.h"
#include "support/sample_chunk.h"

namespace luge {
namespace {

std::string encoded(const TableChunk& chunk) {
  Buffer bytes;
  encode_chunk(chunk, bytes);
  return {bytes.as<char>(), bytes.size()};
}

TEST(ChunkCodec, GivesBackTheSameChunk) {
  const TableSchemaPtr schema = every_kind_schema();
  SeededRandom random(1);
  for (const SampleOptions& options :
       {SampleOptions{.rows = 100, .absent_percent = 20}, SampleOptions{.rows = 64, .nulls_percent = 0}, SampleOptions{.rows = 1},
        SampleOptions{.rows = 33, .streamed = false}, SampleOptions{.rows = 0}, SampleOptions{.rows = 9, .nulls_percent = 100}}) {
    const TableChunk chunk = sample_chunk(schema, options, random);
    ASSERT_EQ(layout_fault(chunk), nullptr);
    const auto decoded = decode_chunk(encoded(chunk));
    ASSERT_TRUE(decoded) << decoded.error().message();
    EXPECT_TRUE(same_chunk(chunk, *decoded));
    EXPECT_TRUE(same_shape(*schema, *decoded->schema));
  }
}

TEST(ChunkCodec, BuffersAreAlignedFromTheStart) {
  SeededRandom random(2);
  EXPECT_EQ(encoded(sample_chunk(every_kind_schema(), {.rows = 13}, random)).size() % 8, 0U);
}

TEST(ChunkCodec, EveryFlippedBitIsNoticed) {
  SeededRandom random(3);
  const std::string good = encoded(sample_chunk(every_kind_schema(), {.rows = 3}, random));
  for (std::size_t at = 0; at < good.size(); ++at) {
    std::string bad = good;
    bad[at] = static_cast<char>(bad[at] ^ (1 << random.below(8)));
    const auto decoded = decode_chunk(bad);
    ASSERT_FALSE(decoded) << at;
    EXPECT_EQ(decoded.error().code, "corrupt");
  }
}

TEST(ChunkCodec, EveryCutIsNoticed) {
  SeededRandom random(4);
  const std::string good = encoded(sample_chunk(every_kind_schema(), {.rows = 3}, random));
  for (std::size_t length = 0; length < good.size(); ++length) EXPECT_FALSE(decode_chunk(std::string_view(good).substr(0, length))) << length;
  EXPECT_FALSE(decode_chunk(good + std::string(8, '\0')));
}

/// The sum does not protect against bytes that were written wrong: the structure is checked on its own.
TEST(ChunkCodec, BadStructureIsNoticedUnderAGoodSum) {
  SeededRandom random(5);
  const TableSchemaPtr schema = every_kind_schema();
  const auto refused = [&](auto spoil) {
    TableChunk chunk = sample_chunk(schema, {.rows = 20, .absent_percent = 10}, random);
    spoil(chunk);
    return !decode_chunk(encoded(chunk)).has_value();
  };
  EXPECT_FALSE(refused([](TableChunk&) {}));
  EXPECT_TRUE(refused([](TableChunk& c) { c.rows = 21; }));
  EXPECT_TRUE(refused([](TableChunk& c) { c.ops.pop_back(); }));
  EXPECT_TRUE(refused([](TableChunk& c) { c.ops[0] = static_cast<RowOp>('x'); }));
  EXPECT_TRUE(refused([](TableChunk& c) { c.ordinals.pop_back(); }));
  EXPECT_TRUE(refused([](TableChunk& c) { c.runs.pop_back(); }));
  EXPECT_TRUE(refused([](TableChunk& c) { c.runs[0].end_row = 20; }));
  EXPECT_TRUE(refused([](TableChunk& c) { c.columns.pop_back(); }));
  EXPECT_TRUE(refused([](TableChunk& c) { ++c.columns[2].null_count; }));
  EXPECT_TRUE(refused([](TableChunk& c) { c.columns[2].values.resize(4); }));
  EXPECT_TRUE(refused([](TableChunk& c) { c.columns[8].offsets.as<std::int32_t>()[3] = INT32_MAX; }));
  EXPECT_TRUE(refused([](TableChunk& c) { c.columns[8].offsets.as<std::int32_t>()[0] = -1; }));
  EXPECT_TRUE(refused([](TableChunk& c) { c.columns[8].offsets.clear(); }));
  EXPECT_TRUE(refused([](TableChunk& c) { c.columns[13].children.pop_back(); }));
  EXPECT_TRUE(refused([](TableChunk& c) { c.columns[13].children[0].length = 7; }));
  EXPECT_TRUE(refused([](TableChunk& c) { c.columns[20].children[0].length = SIZE_MAX; }));
  EXPECT_TRUE(refused([](TableChunk& c) { c.columns[20].children.clear(); }));
  EXPECT_TRUE(refused([](TableChunk& c) { c.present.pop_back(); }));
  EXPECT_TRUE(refused([](TableChunk& c) { c.present[0].resize(1); }));
}

TEST(SchemaCodec, KeepsEverythingButMissingValues) {
  TableSchema schema;
  schema.oid = 4'000'000'000;
  schema.name = {"Sch\"ema", "täble"};
  schema.identity = ReplicaIdentity::full;
  auto base = std::make_shared<PgType>();
  base->oid = pg_oid::kNumeric;
  base->schema = "pg_catalog";
  base->name = "numeric";
  auto domain = std::make_shared<PgType>();
  domain->oid = 20'001;
  domain->schema = "public";
  domain->name = "price";
  domain->kind = 'd';
  domain->domain_typmod = 655'366;
  domain->base = base;
  domain->has_send = false;
  auto array = std::make_shared<PgType>();
  array->oid = 20'002;
  array->name = "_price";
  array->is_array = true;
  array->delimiter = ';';
  array->element = domain;
  ColumnSchema column;
  column.name = "Latin \xE9 bytes";  // SQL_ASCII databases have such names
  column.attnum = -7;
  column.type = array;
  column.typmod = 12;
  column.value = *parse_value_type("list<decimal(10,2)>");
  column.in_identity = true;
  column.missing_value = std::make_shared<const ArrowColumn>();
  schema.columns = {column, column};
  schema.key_columns = {1, 0};
  schema.newest_attnum = 1600;

  const auto decoded = decode_schema(encode_schema(schema));
  ASSERT_TRUE(decoded) << decoded.error().message();
  const TableSchema& back = **decoded;
  EXPECT_EQ(back.oid, schema.oid);
  EXPECT_EQ(back.name, schema.name);
  EXPECT_EQ(back.identity, schema.identity);
  EXPECT_EQ(back.key_columns, schema.key_columns);
  EXPECT_EQ(back.newest_attnum, 1600);
  ASSERT_EQ(back.columns.size(), 2U);
  const ColumnSchema& first = back.columns[0];
  EXPECT_EQ(first.name, column.name);
  EXPECT_EQ(first.attnum, -7);
  EXPECT_EQ(first.typmod, 12);
  EXPECT_EQ(first.value, column.value);
  EXPECT_TRUE(first.in_identity);
  EXPECT_EQ(first.missing_value, nullptr);
  ASSERT_TRUE(first.type && first.type->element && first.type->element->base);
  EXPECT_TRUE(first.type->is_array);
  EXPECT_EQ(first.type->delimiter, ';');
  const PgType& element = *first.type->element;
  EXPECT_EQ(element.oid, 20'001U);
  EXPECT_EQ(element.schema, "public");
  EXPECT_EQ(element.name, "price");
  EXPECT_EQ(element.kind, 'd');
  EXPECT_EQ(element.domain_typmod, 655'366);
  EXPECT_FALSE(element.has_send);
  EXPECT_EQ(element.base->oid, pg_oid::kNumeric);
  EXPECT_EQ(encode_schema(back), encode_schema(schema));
}

TEST(SchemaCodec, ReadsShapesWithoutTheNewestAttnum) {
  const std::string older = encode_schema(TableSchema{});
  EXPECT_EQ(older.find("newest"), std::string::npos);
  const auto decoded = decode_schema(older);
  ASSERT_TRUE(decoded);
  EXPECT_EQ((*decoded)->newest_attnum, 0);
}

TEST(SchemaCodec, RefusesWhatItDoesNotWrite) {
  TableSchema schema;
  schema.columns.resize(1);
  schema.columns[0].type = std::make_shared<const PgType>();
  schema.key_columns = {0};
  const std::string good = encode_schema(schema);
  ASSERT_TRUE(decode_schema(good));
  const auto replaced = [&](std::string_view from, std::string_view to) {
    std::string bad = good;
    const auto at = bad.find(from);
    EXPECT_NE(at, std::string::npos) << from;
    return bad.replace(at, from.size(), to);
  };
  for (const std::string& bad :
       {std::string(), std::string("{}"), std::string("[]"), std::string("null"), good.substr(1), good + "x",
        replaced("\"version\":1", "\"version\":2"), replaced("\"version\":1", "\"version\":\"1\""), replaced("\"text\"", "\"texts\""),
        replaced("[0]", "[1]"), replaced("[0]", "[-1]"), replaced("\"identity\":\"d\"", "\"identity\":\"x\""),
        replaced("\"identity\":\"d\"", "\"identity\":\"\""), replaced("\"kind\":\"b\"", "\"kind\":\"\""), replaced("\"columns\"", "\"column\"")}) {
    const auto decoded = decode_schema(bad);
    ASSERT_FALSE(decoded) << bad;
    EXPECT_EQ(decoded.error().code, "corrupt");
  }
}

}  // namespace
}  // namespace luge
