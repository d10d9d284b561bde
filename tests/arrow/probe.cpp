// What validate.py calls: chunks built by luge, handed over through the C Data Interface, and taken back.
#include <cstring>
#include <memory>
#include <string>

#include "batch/chunk_builder.h"
#include "model/arrow_export.h"
#include "model/chunk_codec.h"
#include "model/type_mapping.h"
#include "support/sample_chunk.h"

namespace {

using namespace luge;

TableChunk sample(std::uint64_t seed, std::uint32_t rows, unsigned nulls_percent) {
  SeededRandom random(seed);
  return sample_chunk(every_kind_schema(), {.rows = rows, .nulls_percent = nulls_percent, .streamed = false}, random);
}

/// Chunks of one column, and what was last said about it.
struct Probe {
  std::unique_ptr<ChunkBuilder> builder;
  bool reads_bytes = false;
  std::string type;
  std::string misfit;
};

}  // namespace

extern "C" {

void probe_export_sample(std::uint64_t seed, std::uint32_t rows, unsigned nulls_percent, ArrowSchema* out_schema, ArrowArray* out_array) {
  export_chunk(sample(seed, rows, nulls_percent), out_schema, out_array);
}

/// 1 if what comes back is the sample, bit for bit.
int probe_import_sample(std::uint64_t seed, std::uint32_t rows, unsigned nulls_percent, ArrowSchema* in_schema, ArrowArray* in_array) {
  const auto chunk = import_chunk(every_kind_schema(), in_schema, in_array);
  return chunk && same_chunk(*chunk, sample(seed, rows, nulls_percent)) ? 1 : 0;
}

/// `schema`: the JSON of a `type` line of tests/golden/values. Null: it cannot be read.
Probe* probe_open(const char* schema) {
  const auto decoded = decode_schema(schema);
  if (!decoded) return nullptr;
  auto shape = std::make_shared<TableSchema>(**decoded);
  ColumnSchema& column = shape->columns.front();
  column.value = map_type(*column.type, column.typmod, {});
  auto probe = std::make_unique<Probe>();
  probe->reads_bytes = has_binary_reader(*column.type, column.typmod, column.value);
  probe->type = to_string(column.value);
  probe->builder = std::make_unique<ChunkBuilder>(std::move(shape));
  return probe.release();
}
void probe_close(Probe* probe) { delete probe; }
const char* probe_type(Probe* probe) { return probe->type.c_str(); }
int probe_reads_bytes(Probe* probe) { return probe->reads_bytes ? 1 : 0; }
const char* probe_misfit(Probe* probe) { return probe->misfit.c_str(); }

/// form: 'n' null, 't' text, 'b' bytes. 1: it fits.
int probe_append(Probe* probe, char form, const char* bytes, std::size_t count) {
  const ValueState state = form == 'n' ? ValueState::null : form == 't' ? ValueState::text : ValueState::binary;
  const ValueView value{state, {bytes, count}};
  const auto misfit = probe->builder->append_copied({&value, 1});
  probe->misfit = misfit ? misfit->reason : "";
  return misfit ? 0 : 1;
}

void probe_export(Probe* probe, ArrowSchema* out_schema, ArrowArray* out_array) { export_chunk(probe->builder->finish(), out_schema, out_array); }
}
