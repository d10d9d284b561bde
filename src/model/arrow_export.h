#pragma once
#include "base/result.h"
#include "model/arrow_abi.h"
#include "model/table_chunk.h"

namespace luge {

/// Hands a chunk's columns over as one Arrow struct array (non-nullable struct, one nullable child per column), without
/// copying: the buffers move into the exported array and live until its release callback.
/// Types: reference page "types"; a uuid is w:16, a time_tz is a struct, an interval is tin, infinities stay sentinel integers.
void export_chunk(TableChunk chunk, ArrowSchema* out_schema, ArrowArray* out_array);

/// The reverse, for a transform's result: copies into a chunk of `schema`'s shape (copied-rows form: no ops). Fails with
/// "arrow_mismatch" when names, order or types differ. Releases the array and the schema in every case.
Result<TableChunk> import_chunk(TableSchemaPtr schema, ArrowSchema* in_schema, ArrowArray* in_array);

}  // namespace luge
