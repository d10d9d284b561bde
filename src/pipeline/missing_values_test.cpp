#include "pipeline/missing_values.h"

#include <gtest/gtest.h>

#include "model/type_mapping.h"

namespace luge {
namespace {

std::shared_ptr<const PgType> type(Oid oid, std::string name) {
  PgType out;
  out.oid = oid;
  out.name = std::move(name);
  return std::make_shared<const PgType>(out);
}

/// (1 id int4, 2 n numeric(10,2) with a default)
struct Numbers {
  Numbers() {
    const std::int32_t typmod = (10 << 16 | 2) + 4;
    schema.columns.resize(2);
    catalog.columns.resize(2);
    for (std::size_t i = 0; i < 2; ++i) {
      ColumnSchema& column = schema.columns[i];
      column.attnum = catalog.columns[i].attnum = static_cast<std::int16_t>(i + 1);
      column.name = i == 0 ? "id" : "n";
      column.type = i == 0 ? type(pg_oid::kInt4, "int4") : type(pg_oid::kNumeric, "numeric");
      column.typmod = i == 0 ? -1 : typmod;
      column.value = map_type(*column.type, column.typmod, {});
    }
  }
  TableSchema schema;
  CatalogTable catalog;
};

TEST(MissingValues, AreBuiltFromTheCatalogsText) {
  Numbers numbers;
  numbers.catalog.columns[1].missing_text = "1.50";
  const auto [schema, unfit] = with_missing_values(numbers.schema, numbers.catalog);
  ASSERT_NE(schema->columns[1].missing_value, nullptr);
  EXPECT_EQ(schema->columns[0].missing_value, nullptr);
  EXPECT_TRUE(unfit.empty());
}

TEST(MissingValues, OneThatDoesNotFitIsToldAndNotLeftToBeNull) {
  Numbers numbers;
  numbers.catalog.columns[1].missing_text = "NaN";
  const auto [schema, unfit] = with_missing_values(numbers.schema, numbers.catalog);
  EXPECT_EQ(schema->columns[1].missing_value, nullptr);
  ASSERT_EQ(unfit.size(), 1U);
  EXPECT_EQ(unfit[0].attnum, 2);
  EXPECT_EQ(unfit[0].misfit.column, "n");
  EXPECT_EQ(unfit[0].misfit.type, "numeric");
  EXPECT_TRUE(unfit[0].misfit.fits_text);

  TableSchema without = numbers.schema;
  without.columns.pop_back();
  EXPECT_EQ(unfit_for(unfit, &without), &unfit[0].misfit);
  EXPECT_EQ(unfit_for(unfit, &numbers.schema), nullptr) << "its rows were copied with the column";
  EXPECT_EQ(unfit_for(unfit, nullptr), nullptr) << "no row is there yet";
}

}  // namespace
}  // namespace luge
