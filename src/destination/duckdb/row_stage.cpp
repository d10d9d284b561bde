#include "destination/duckdb/row_stage.h"

#include <utility>

#include "destination/duckdb/column_type.h"
#include "destination/duckdb/vector_writer.h"

namespace luge {

StageColumn picked_column(std::string name, std::span<const TableChunk> chunks, std::size_t column, RowAt row_at) {
  LogicalType type = duckdb_logical_type_of(chunks[0].columns[column].type);
  auto fill = [chunks, column, row_at = std::move(row_at)](std::size_t begin, std::size_t count, duckdb_vector out) {
    std::optional<RowRef> next = row_at(begin);
    for (std::size_t i = 0; i < count;) {
      const std::optional<RowRef> first = next;
      std::size_t run = 0;
      do {  // neighbours in the chunk are written together
        ++run;
        next = i + run < count ? row_at(begin + i + run) : std::nullopt;
      } while (i + run < count && first && next && next->chunk == first->chunk && next->row == first->row + run);
      if (first) {
        write_values(chunks[first->chunk].columns[column], first->row, run, out, i);
      } else {
        write_nulls(run, out, i);
      }
      i += run;
    }
  };
  return {std::move(name), std::move(type), std::move(fill)};
}

StageColumn whole_column(std::string name, const TableChunk& chunk, std::size_t column) {
  const ArrowColumn& values = chunk.columns[column];
  return {std::move(name), duckdb_logical_type_of(values.type),
          [&values](std::size_t begin, std::size_t count, duckdb_vector out) { write_values(values, begin, count, out, 0); }};
}

StageColumn bigint_column(std::string name, std::function<std::int64_t(std::size_t i)> value) {
  return {std::move(name), LogicalType(duckdb_create_logical_type(DUCKDB_TYPE_BIGINT)),
          [value = std::move(value)](std::size_t begin, std::size_t count, duckdb_vector out) {
            auto* target = static_cast<std::int64_t*>(duckdb_vector_get_data(out));
            for (std::size_t i = 0; i < count; ++i) target[i] = value(begin + i);
          }};
}

StageColumn boolean_column(std::string name, std::function<bool(std::size_t i)> value) {
  return {std::move(name), LogicalType(duckdb_create_logical_type(DUCKDB_TYPE_BOOLEAN)),
          [value = std::move(value)](std::size_t begin, std::size_t count, duckdb_vector out) {
            auto* target = static_cast<bool*>(duckdb_vector_get_data(out));
            for (std::size_t i = 0; i < count; ++i) target[i] = value(begin + i);
          }};
}

}  // namespace luge
