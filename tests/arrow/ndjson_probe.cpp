// What ndjson.py calls: one column built by luge, as Arrow and as the lines that Snowflake gets.
#include <memory>
#include <string>
#include <vector>

#include "batch/chunk_builder.h"
#include "destination/snowflake/encode/ndjson_encoder.h"
#include "model/arrow_export.h"
#include "model/chunk_codec.h"
#include "model/type_mapping.h"

namespace {

using namespace luge;

struct NdjsonProbe {
  std::unique_ptr<ChunkBuilder> builder;
  std::string type;
  TableChunk chunk;
  std::string lines;
};

}  // namespace

extern "C" {

/// `schema`: the JSON of a `type` line of tests/golden/values. Null: it cannot be read.
NdjsonProbe* ndjson_open(const char* schema) {
  const auto decoded = decode_schema(schema);
  if (!decoded) return nullptr;
  auto shape = std::make_shared<TableSchema>(**decoded);
  ColumnSchema& column = shape->columns.front();
  column.value = map_type(*column.type, column.typmod, {});
  auto probe = std::make_unique<NdjsonProbe>();
  probe->type = to_string(column.value);
  probe->builder = std::make_unique<ChunkBuilder>(std::move(shape));
  return probe.release();
}
void ndjson_close(NdjsonProbe* probe) { delete probe; }
const char* ndjson_type(NdjsonProbe* probe) { return probe->type.c_str(); }

/// PostgreSQL's text, or NULL. 1: it fits the Arrow column.
int ndjson_append(NdjsonProbe* probe, const char* text, std::size_t count) {
  const ValueView value{text == nullptr ? ValueState::null : ValueState::text, {text, text == nullptr ? 0 : count}};
  return probe->builder->append_copied({&value, 1}) ? 0 : 1;
}

/// A line per row, with the column under "V", or "! " and the reason.
const char* ndjson_encode(NdjsonProbe* probe) {
  probe->chunk = probe->builder->finish();
  NdjsonEncoder encoder(probe->chunk.schema, std::vector<std::string>{"V"}, 1);
  for (std::uint32_t row = 0; row < probe->chunk.rows;) {
    EncodedRows rows;
    RowSelection selection;
    selection.from = row;
    const auto misfit = encoder.encode(probe->chunk, selection, rows);
    probe->lines.append(reinterpret_cast<const char*>(rows.text.data()), rows.text.size());
    if (!misfit) break;
    probe->lines += std::string("! ") + misfit->reason + "\n";
    row = misfit->row + 1;
  }
  return probe->lines.c_str();
}

/// After ndjson_encode.
void ndjson_export(NdjsonProbe* probe, ArrowSchema* out_schema, ArrowArray* out_array) {
  export_chunk(std::move(probe->chunk), out_schema, out_array);
}
}
