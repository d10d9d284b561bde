#pragma once
#include "base/random.h"
#include "model/table_chunk.h"

namespace luge {

/// A shape with one column of every ValueKind, lists of fixed, variable, boolean and struct elements included.
TableSchemaPtr every_kind_schema();

struct SampleOptions {
  std::uint32_t rows = 100;
  unsigned nulls_percent = 30;   ///< 0: no validity bitmaps
  unsigned absent_percent = 0;
  bool streamed = true;          ///< ops, ordinals and runs; else copied rows
  unsigned rows_a_run = 10;
};

/// Random values, written straight into the buffers (not through any builder); within the ranges Arrow checks.
TableChunk sample_chunk(const TableSchemaPtr& schema, const SampleOptions& options, Random& random);

/// Same rows, bit for bit.
bool same_chunk(const TableChunk& a, const TableChunk& b);
bool same_column(const ArrowColumn& a, const ArrowColumn& b);

}  // namespace luge
