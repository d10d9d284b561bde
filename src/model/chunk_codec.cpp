#include "model/chunk_codec.h"

#include <algorithm>

#include "model/arrow_layout.h"
#include "model/row_filter.h"

namespace luge {

namespace {

// The form: magic, checksum of all that follows, body. Every block of bytes is preceded by its length and padded to eight bytes.
constexpr std::uint64_t kMagic = 0x32304B4E4843474C;  // "LGCHNK02"; the digits are the version
constexpr std::size_t kHeaderBytes = 16;

/// Against torn and rotten bytes, not against forgers: eight bytes a step.
std::uint64_t checksum(std::string_view bytes) {
  std::uint64_t sum = 0x9E3779B97F4A7C15U ^ bytes.size();
  const auto mix = [&sum](std::uint64_t word) {
    sum = (sum ^ word) * 0xFF51AFD7ED558CCDU;
    sum ^= sum >> 32;
  };
  std::size_t at = 0;
  for (; bytes.size() - at >= 8; at += 8) {
    std::uint64_t word;
    std::memcpy(&word, bytes.data() + at, sizeof word);
    mix(word);
  }
  std::uint64_t rest = 0;
  if (at < bytes.size()) std::memcpy(&rest, bytes.data() + at, bytes.size() - at);
  mix(rest);
  return sum;
}

class Writer {
 public:
  explicit Writer(Buffer& out) : out_(out), start_(out.size()) {}

  void number(std::uint64_t value) { out_.push(value); }
  void block(const void* bytes, std::size_t count) {
    number(count);
    out_.append(bytes, count);
    out_.resize_zeroed(start_ + (out_.size() - start_ + 7) / 8 * 8);
  }
  void block(const Buffer& buffer) { block(buffer.data(), buffer.size()); }
  void column(const ArrowColumn& column) {
    number(column.length);
    number(column.null_count);
    block(column.validity);
    block(column.offsets);
    block(column.values);
    number(column.children.size());
    for (const ArrowColumn& child : column.children) this->column(child);
  }

 private:
  Buffer& out_;
  std::size_t start_;
};

/// After the first read past the end everything is empty and ok() is false.
class Reader {
 public:
  explicit Reader(std::string_view bytes) : bytes_(bytes) {}

  bool ok() const { return ok_; }
  bool done() const { return bytes_.empty(); }
  std::uint64_t number() {
    std::uint64_t value = 0;
    const std::string_view raw = take(sizeof value);
    if (raw.size() == sizeof value) std::memcpy(&value, raw.data(), sizeof value);
    return value;
  }
  std::string_view block() {
    const std::uint64_t count = number();
    if (count > bytes_.size()) {
      ok_ = false;
      return {};
    }
    const std::string_view padded = take((static_cast<std::size_t>(count) + 7) / 8 * 8);
    return padded.substr(0, ok_ ? static_cast<std::size_t>(count) : 0);
  }
  void block(Buffer& out) {
    const std::string_view raw = block();
    out.append(raw.data(), raw.size());
  }
  template <class T>
  void items(std::vector<T>& out) {
    const std::string_view raw = block();
    if (raw.size() % sizeof(T) != 0) ok_ = false;
    out.resize(raw.size() / sizeof(T));
    if (!out.empty()) std::memcpy(out.data(), raw.data(), out.size() * sizeof(T));
  }
  void column(ArrowColumn& column, const ValueType& type) {
    column.type = type;
    column.length = static_cast<std::size_t>(number());
    column.null_count = static_cast<std::size_t>(number());
    block(column.validity);
    block(column.offsets);
    block(column.values);
    const std::uint64_t children = number();
    const std::size_t expected = type.kind == ValueKind::list ? 1 : type.kind == ValueKind::time_tz ? 2 : 0;
    if (!ok_ || children != expected) {
      ok_ = false;
      return;
    }
    column.children.resize(expected);
    if (type.kind == ValueKind::list) this->column(column.children[0], *type.element);
    if (type.kind == ValueKind::time_tz) {
      this->column(column.children[0], {ValueKind::time, 0, 0, nullptr});
      this->column(column.children[1], {ValueKind::int32, 0, 0, nullptr});
    }
  }

 private:
  std::string_view take(std::size_t count) {
    if (!ok_ || count > bytes_.size()) {
      ok_ = false;
      bytes_ = {};
      return {};
    }
    const std::string_view taken = bytes_.substr(0, count);
    bytes_.remove_prefix(count);
    return taken;
  }

  std::string_view bytes_;
  bool ok_ = true;
};

Error corrupt(const char* why) { return fatal("corrupt", std::string("stored rows cannot be read back: ") + why); }

bool are_known(const std::vector<RowOp>& ops) {
  return std::all_of(ops.begin(), ops.end(),
                     [](RowOp op) { return op == RowOp::insert || op == RowOp::update || op == RowOp::remove || op == RowOp::old_image; });
}

constexpr std::size_t kRunNumbers = 4;

void write_runs(Writer& writer, const std::vector<TransactionRun>& runs) {
  writer.number(runs.size());
  for (const TransactionRun& run : runs) {
    writer.number(run.end_row);
    writer.number(run.commit_lsn.value);
    writer.number(run.xid);
    writer.number(static_cast<std::uint64_t>(run.commit_time.micros));
  }
}

bool read_runs(Reader& reader, std::vector<TransactionRun>& runs, std::size_t bytes) {
  const std::uint64_t count = reader.number();
  if (count > bytes / (kRunNumbers * sizeof(std::uint64_t))) return false;
  runs.resize(static_cast<std::size_t>(count));
  for (TransactionRun& run : runs) {
    run.end_row = static_cast<std::uint32_t>(reader.number());
    run.commit_lsn.value = reader.number();
    run.xid = reader.number();
    run.commit_time.micros = static_cast<std::int64_t>(reader.number());
  }
  return true;
}

bool read_missing_values(Reader& reader, TableSchemaPtr& schema) {
  std::shared_ptr<TableSchema> filled;
  for (std::size_t i = 0; i < schema->columns.size() && reader.ok(); ++i) {
    const std::uint64_t has_value = reader.number();
    if (has_value > 1) return false;
    if (has_value == 0) continue;
    auto value = std::make_shared<ArrowColumn>();
    reader.column(*value, schema->columns[i].value);
    if (!reader.ok() || value->length != 1 || layout_fault(*value) != nullptr) return false;
    if (!filled) filled = std::make_shared<TableSchema>(*schema);
    filled->columns[i].missing_value = std::move(value);
  }
  if (filled) schema = std::move(filled);
  return reader.ok();
}

}  // namespace

void encode_chunk(const TableChunk& chunk, Buffer& out) {
  const std::string schema = encode_schema(*chunk.schema);
  const std::size_t start = out.size();
  out.reserve(start + kHeaderBytes + schema.size() + chunk.bytes() + 128 * (chunk.columns.size() + 1) + 32 * chunk.runs.size());
  Writer writer(out);
  writer.number(kMagic);
  writer.number(0);  // the checksum, below
  writer.block(schema.data(), schema.size());
  writer.number(chunk.rows);
  writer.block(chunk.ops.data(), chunk.ops.size() * sizeof(RowOp));
  writer.block(chunk.ordinals.data(), chunk.ordinals.size() * sizeof(std::uint64_t));
  write_runs(writer, chunk.runs);
  writer.number(chunk.present.size());
  for (const Buffer& bits : chunk.present) writer.block(bits);
  for (const ArrowColumn& column : chunk.columns) writer.column(column);
  // A pending chunk may bring a column to rows that were copied before it was added: their value travels with the shape.
  for (const ColumnSchema& column : chunk.schema->columns) {
    writer.number(column.missing_value ? 1 : 0);
    if (column.missing_value) writer.column(*column.missing_value);
  }
  const char* body = reinterpret_cast<const char*>(out.data()) + start + kHeaderBytes;
  const std::uint64_t sum = checksum({body, out.size() - start - kHeaderBytes});
  std::memcpy(out.data() + start + sizeof kMagic, &sum, sizeof sum);
}

Result<TableChunk> decode_chunk(std::string_view bytes) {
  Reader reader(bytes);
  if (reader.number() != kMagic) return corrupt("they do not begin like a chunk");
  const std::uint64_t sum = reader.number();
  if (!reader.ok() || checksum(bytes.substr(kHeaderBytes)) != sum) return corrupt("their checksum differs");
  TableChunk chunk;
  TRY(chunk.schema, decode_schema(reader.block()));
  const std::uint64_t rows = reader.number();
  if (rows > UINT32_MAX) return corrupt("too many rows");
  chunk.rows = static_cast<std::uint32_t>(rows);
  reader.items(chunk.ops);
  reader.items(chunk.ordinals);
  if (!are_known(chunk.ops) || !read_runs(reader, chunk.runs, bytes.size())) return corrupt("their operations or transactions make no sense");
  const std::size_t columns = chunk.schema->columns.size();
  const std::uint64_t present = reader.number();
  if (present != 0 && present != columns) return corrupt("their present masks make no sense");
  chunk.present.resize(static_cast<std::size_t>(present));
  for (Buffer& bits : chunk.present) reader.block(bits);
  chunk.columns.resize(columns);
  for (std::size_t i = 0; i < columns; ++i) reader.column(chunk.columns[i], chunk.schema->columns[i].value);
  if (!read_missing_values(reader, chunk.schema)) return corrupt("the values of their added columns make no sense");
  if (!reader.ok() || !reader.done()) return corrupt("they are cut off or too long");
  if (const char* fault = layout_fault(chunk)) return corrupt(fault);
  return chunk;
}

void drop_visible(TableChunk& chunk, const Snapshot& snapshot) {
  std::vector<RowRange> kept;
  std::uint32_t begin = 0;
  for (const TransactionRun& run : chunk.runs) {
    if (!snapshot.visible(run.xid)) {
      if (!kept.empty() && kept.back().end == begin) {
        kept.back().end = run.end_row;
      } else {
        kept.push_back({begin, run.end_row});
      }
    }
    begin = run.end_row;
  }
  if (begin < chunk.rows) kept.push_back({begin, chunk.rows});  // copied rows belong to no transaction
  keep_rows(chunk, kept);
}

}  // namespace luge
