#pragma once
#include "model/arrow_column.h"
#include "model/table_chunk.h"

namespace luge {

/// What breaks the rules of ArrowColumn or TableChunk (sizes, offsets, null counts, zeroed null slots, bits past the end): a static
/// sentence, or nullptr. Costs one pass; for bytes from outside and for tests. Text is not looked into.
const char* layout_fault(const ArrowColumn& column);
const char* layout_fault(const TableChunk& chunk);

/// All values of text and json are valid UTF-8, in lists too.
bool has_valid_text(const ArrowColumn& column);

}  // namespace luge
