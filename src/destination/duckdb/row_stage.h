#pragma once
#include <cstddef>
#include <functional>
#include <optional>
#include <span>
#include <string>

#include "destination/duckdb/row_ref.h"
#include "destination/duckdb/stage.h"

namespace luge {

/// Which row of the chunks gives row `i` of a stage its value; nullopt: NULL.
using RowAt = std::function<std::optional<RowRef>(std::size_t i)>;

/// A stage column of the values of `column` in the rows that `row_at` picks. Borrows the chunks.
StageColumn picked_column(std::string name, std::span<const TableChunk> chunks, std::size_t column, RowAt row_at);
/// All rows of one chunk, in order.
StageColumn whole_column(std::string name, const TableChunk& chunk, std::size_t column);

StageColumn bigint_column(std::string name, std::function<std::int64_t(std::size_t i)> value);
StageColumn boolean_column(std::string name, std::function<bool(std::size_t i)> value);

}  // namespace luge
