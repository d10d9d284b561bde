#include "model/type_mapping.h"

#include <gtest/gtest.h>
#include <string>

namespace luge {
namespace {

PgType base_type(Oid oid, std::string name = "t", char kind = 'b') {
  PgType type;
  type.oid = oid;
  type.name = std::move(name);
  type.kind = kind;
  return type;
}

PgType array_of(PgType element, Oid oid = 90'000) {
  PgType type = base_type(oid);
  type.is_array = true;
  type.element = std::make_shared<const PgType>(std::move(element));
  return type;
}

constexpr std::int32_t numeric_typmod(int precision, int scale) { return ((precision << 16) | (scale & 0x7FF)) + 4; }

std::string mapped(const PgType& type, std::int32_t typmod = -1) { return to_string(map_type(type, typmod, {})); }

TEST(TypeMapping, NumericsBecomeTheDecimalThatHoldsThem) {
  const PgType numeric = base_type(pg_oid::kNumeric);
  EXPECT_EQ(mapped(numeric, numeric_typmod(18, 2)), "decimal(18,2)");
  EXPECT_EQ(mapped(numeric, 329730), "decimal(7,0)");  // (5,-2), as a server gave it
  EXPECT_EQ(mapped(numeric, numeric_typmod(3, 5)), "decimal(5,5)");
  EXPECT_EQ(mapped(numeric, numeric_typmod(38, 38)), "decimal(38,38)");
  EXPECT_EQ(mapped(numeric, numeric_typmod(36, -2)), "decimal(38,0)");
  EXPECT_EQ(mapped(numeric, numeric_typmod(37, -2)), "text");
  EXPECT_EQ(mapped(numeric, numeric_typmod(3, 39)), "text");
  EXPECT_EQ(mapped(numeric, numeric_typmod(39, 0)), "text");
  EXPECT_EQ(mapped(numeric, numeric_typmod(1000, -1000)), "text");
  EXPECT_EQ(mapped(numeric), "text");
}

TEST(TypeMapping, PlainTypes) {
  EXPECT_EQ(mapped(base_type(pg_oid::kXid8)), "uint64");
  EXPECT_EQ(mapped(base_type(pg_oid::kOid)), "uint32");
  EXPECT_EQ(mapped(base_type(pg_oid::kTimestamptz)), "timestamp_tz");
  EXPECT_EQ(mapped(base_type(pg_oid::kJsonb)), "json");
  EXPECT_EQ(mapped(base_type(pg_oid::kMoney)), "text");
  EXPECT_EQ(mapped(base_type(pg_oid::kRegproc)), "text");
  EXPECT_EQ(mapped(base_type(123'456, "geometry")), "text");
  EXPECT_EQ(mapped(base_type(123'456, "mood", 'e')), "text");
}

TEST(TypeMapping, ArraysOfWhatHasAFormAreLists) {
  EXPECT_EQ(mapped(array_of(base_type(pg_oid::kInt4))), "list<int32>");
  EXPECT_EQ(mapped(array_of(base_type(pg_oid::kNumeric)), numeric_typmod(10, 2)), "list<decimal(10,2)>");
  EXPECT_EQ(mapped(array_of(base_type(pg_oid::kNumeric))), "list<text>");
  EXPECT_EQ(mapped(array_of(base_type(50'000, "mood", 'e'))), "list<text>");
  EXPECT_EQ(mapped(array_of(base_type(50'001, "pair", 'c'))), "text");
  EXPECT_EQ(mapped(array_of(base_type(869, "inet"))), "text");
}

TEST(TypeMapping, VectorsOfTheCatalogAreText) {
  EXPECT_EQ(mapped(array_of(base_type(pg_oid::kInt2), 22)), "text");
  EXPECT_EQ(mapped(array_of(base_type(pg_oid::kOid), 30)), "text");
}

TEST(TypeMapping, DomainsAreTheirBase) {
  PgType inner = base_type(20'001, "inner", 'd');
  inner.base = std::make_shared<const PgType>(base_type(pg_oid::kNumeric));
  inner.domain_typmod = numeric_typmod(10, 2);
  PgType outer = base_type(20'002, "outer", 'd');
  outer.base = std::make_shared<const PgType>(inner);
  EXPECT_EQ(mapped(outer), "decimal(10,2)");
  EXPECT_EQ(mapped(array_of(outer)), "list<decimal(10,2)>");

  PgType words = base_type(20'003, "words", 'd');
  words.base = std::make_shared<const PgType>(array_of(base_type(pg_oid::kText)));
  EXPECT_EQ(mapped(words), "list<text>");
  EXPECT_EQ(mapped(array_of(words)), "text");  // a list of lists, which array_out writes as quoted text
}

TEST(TypeMapping, TextByChoice) { EXPECT_EQ(to_string(map_type(base_type(pg_oid::kInt4), -1, {.as_text = true})), "text"); }

TEST(ValueTypes, ParseWhatTheyPrint) {
  for (const char* text : {"boolean", "int16", "decimal(38,0)", "decimal(1,1)", "list<int32>", "list<list<decimal(10,2)>>", "timestamp_tz", "uuid"}) {
    const auto type = parse_value_type(text);
    ASSERT_TRUE(type) << text;
    EXPECT_EQ(to_string(*type), text);
  }
  for (const char* text : {"", "decimal", "list", "decimal(0,0)", "decimal(39,0)", "decimal(3,4)", "decimal(3)", "decimal(3,1", "list<>",
                           "list<int32", "Int32", "int32 "}) {
    EXPECT_FALSE(parse_value_type(text)) << text;
  }
}

}  // namespace
}  // namespace luge
