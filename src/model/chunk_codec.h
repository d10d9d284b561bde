#pragma once
#include <string>
#include <string_view>

#include "base/result.h"
#include "model/batch.h"
#include "model/table_chunk.h"

namespace luge {

/// Self-contained bytes of a chunk, schema and its missing values included (spool file of open transactions; pending changes of a table being copied).
/// Versioned; integers little-endian; buffers 8-byte aligned relative to the start.
void encode_chunk(const TableChunk& chunk, Buffer& out);
Result<TableChunk> decode_chunk(std::string_view bytes);

/// A TableSchema on its own (the destination's own catalog): JSON, stable across versions of luge, missing values left out.
std::string encode_schema(const TableSchema& schema);
Result<TableSchemaPtr> decode_schema(std::string_view json);

/// Removes the rows of transactions that `snapshot` sees (they are in the copy already): algorithm E's hand-over.
void drop_visible(TableChunk& chunk, const Snapshot& snapshot);

}  // namespace luge
