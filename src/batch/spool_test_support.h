#pragma once
#include <cstdint>
#include <filesystem>
#include <gtest/gtest.h>
#include <memory>
#include <string>
#include <vector>

#include "batch/column_builder.h"
#include "batch/spool.h"
#include "model/arrow_layout.h"
#include "model/type_mapping.h"

namespace luge {
inline ValueView text(std::string_view bytes) { return {ValueState::text, bytes}; }

inline TableSchemaPtr table(RelationOid oid, std::int16_t attnum = 1) {
  auto type = std::make_shared<PgType>();
  type->oid = pg_oid::kInt4;
  type->name = "int4";
  auto schema = std::make_shared<TableSchema>();
  schema->oid = oid;
  schema->name = {"public", "t" + std::to_string(oid)};
  ColumnSchema column;
  column.name = "id";
  column.attnum = attnum;
  column.value = map_type(*type, -1, {});
  const auto missing = make_column_builder(*type, -1, column.value);
  EXPECT_TRUE(missing->append(text("7")));
  column.missing_value = std::make_shared<const ArrowColumn>(missing->finish());
  column.type = std::move(type);
  column.in_identity = true;
  schema->columns = {column};
  schema->key_columns = {0};
  return schema;
}

class Spooling : public testing::Test {
 protected:
  Spool::Options options(std::size_t memory_bytes = 1U << 20, std::uint32_t chunk_rows = 1000) {
    return {std::filesystem::temp_directory_path().string(), memory_bytes, chunk_rows, 1U << 16};
  }
  void insert(Spool& spool, Xid32 xid, Xid32 subxid, const TableSchemaPtr& schema, std::string_view value) {
    const std::vector<ValueView> after = {text(value)};
    const Status status = spool.append(xid, subxid, schema, {schema->oid, RowOp::insert, OldTuple::none, {}, after});
    EXPECT_TRUE(status) << status.error().message();
  }
  /// One line an item: "1: 0=10 1=11" rows of table 1 by ordinal, "1: T2" a truncate, "1: M3" a misfit.
  std::vector<std::string> commit(Spool& spool, Xid32 xid) {
    std::vector<std::string> lines;
    const auto reader = spool.commit(xid, Lsn{0x500}, 77, {9});
    std::string open;
    for (;;) {
      auto item = reader->next();
      EXPECT_TRUE(item) << item.error().message();
      if (!item || !*item) break;
      std::string line;
      if (const auto* chunk = std::get_if<TableChunk>(&**item)) {
        EXPECT_EQ(layout_fault(*chunk), nullptr);
        EXPECT_EQ(chunk->runs.size(), 1U);
        EXPECT_EQ(chunk->runs[0].commit_lsn, Lsn{0x500});
        EXPECT_EQ(chunk->runs[0].xid, 77U);
        EXPECT_EQ(chunk->runs[0].commit_time.micros, 9);
        EXPECT_NE(chunk->schema->columns.front().missing_value, nullptr);  // the shape itself, not a copy of it
        line = std::to_string(chunk->schema->oid) + ":";
        for (std::uint32_t row = 0; row < chunk->rows; ++row) {
          line += " " + std::to_string(chunk->ordinals[row]) + "=" + std::to_string(chunk->columns[0].values.as<std::int32_t>()[row]);
        }
      } else if (const auto* truncate = std::get_if<SpooledTruncate>(&**item)) {
        line = std::to_string(truncate->oid) + ": T" + std::to_string(truncate->ordinal);
      } else {
        const auto& misfit = std::get<SpooledMisfit>(**item);
        line = std::to_string(misfit.oid) + ": M" + std::to_string(misfit.ordinal);
      }
      lines.push_back(line);
    }
    return lines;
  }

  const TableSchemaPtr one_ = table(1);
  const TableSchemaPtr two_ = table(2);
};

using Lines = std::vector<std::string>;

}  // namespace luge
