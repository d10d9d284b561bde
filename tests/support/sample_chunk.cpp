#include "support/sample_chunk.h"

#include <algorithm>
#include <string>

namespace luge {

namespace {

ValueType plain(ValueKind kind) { return {kind, 0, 0, nullptr}; }
ValueType list_of(ValueType element) { return {ValueKind::list, 0, 0, std::make_shared<const ValueType>(std::move(element))}; }

void push_bit(Buffer& bits, std::size_t length, bool bit) {
  bits.resize_zeroed(length / 8 + 1);
  if (bit) set_bit(bits.data(), length);
}

std::string random_text(Random& random) {
  static constexpr const char* kPieces[] = {"a", "bc", "ü", "☃", "🎈", " ", "\"", "0123456789"};
  std::string text;
  for (auto pieces = random.below(6); pieces > 0; --pieces) text += kPieces[random.below(std::size(kPieces))];
  return text;
}

void append_value(ArrowColumn& column, unsigned nulls_percent, Random& random) {
  const ValueType& type = column.type;
  const bool null = random.below(100) < nulls_percent;
  if (null && column.validity.empty()) {
    for (std::size_t i = 0; i < column.length; ++i) push_bit(column.validity, i, true);
  }
  if (null || !column.validity.empty()) push_bit(column.validity, column.length, !null);
  const auto end_offset = [&](std::size_t end) { column.offsets.push(static_cast<std::int32_t>(end)); };
  switch (type.kind) {
    case ValueKind::boolean: push_bit(column.values, column.length, !null && random.chance(1, 2)); break;
    case ValueKind::text:
    case ValueKind::json:
    case ValueKind::binary: {
      const std::string value = null ? "" : random_text(random);
      column.values.append(value.data(), value.size());
      end_offset(column.values.size());
      break;
    }
    case ValueKind::list:
      for (auto elements = null ? 0 : random.below(4); elements > 0; --elements) append_value(column.children[0], nulls_percent, random);
      end_offset(column.children[0].length);
      break;
    case ValueKind::time_tz:
      column.children[0].values.push(null ? std::int64_t{0} : static_cast<std::int64_t>(random.below(86'400'000'000)));
      column.children[1].values.push(null ? 0 : static_cast<std::int32_t>(random.below(115'199)) - 57'599);
      ++column.children[0].length;
      ++column.children[1].length;
      break;
    case ValueKind::decimal: {
      // At most as many digits as fit the narrowest precision in use here.
      const auto low = null ? std::int64_t{0} : static_cast<std::int64_t>(random.below(200'000'000)) - 100'000'000;
      column.values.push(low);
      column.values.push(low < 0 ? std::int64_t{-1} : std::int64_t{0});
      break;
    }
    case ValueKind::time: column.values.push(null ? std::int64_t{0} : static_cast<std::int64_t>(random.below(86'400'000'000))); break;
    default:
      for (std::size_t i = 0; i < value_width(type.kind); ++i) column.values.push(static_cast<std::uint8_t>(null ? 0 : random.below(256)));
      break;
  }
  column.null_count += null ? 1 : 0;
  ++column.length;
}

ArrowColumn empty_column(const ValueType& type) {
  ArrowColumn column;
  column.type = type;
  if (has_offsets(type.kind)) column.offsets.push(std::int32_t{0});
  if (type.kind == ValueKind::list) column.children.push_back(empty_column(*type.element));
  if (type.kind == ValueKind::time_tz) {
    column.children.push_back(empty_column(plain(ValueKind::time)));
    column.children.push_back(empty_column(plain(ValueKind::int32)));
  }
  return column;
}

void add_changes(TableChunk& chunk, const SampleOptions& options, Random& random) {
  static constexpr RowOp kOps[] = {RowOp::insert, RowOp::update, RowOp::remove};
  for (std::uint32_t row = 0; row < options.rows; ++row) {
    chunk.ops.push_back(kOps[random.below(std::size(kOps))]);
    chunk.ordinals.push_back(row % options.rows_a_run);
    if (row % options.rows_a_run == 0) chunk.runs.push_back({0, Lsn{1000 + row}, 500 + row / options.rows_a_run, {static_cast<std::int64_t>(row)}});
    chunk.runs.back().end_row = row + 1;
  }
}

bool same_bytes(const Buffer& a, const Buffer& b) { return a.size() == b.size() && (a.empty() || std::memcmp(a.data(), b.data(), a.size()) == 0); }

bool same_run(const TransactionRun& a, const TransactionRun& b) {
  return a.end_row == b.end_row && a.commit_lsn == b.commit_lsn && a.xid == b.xid && a.commit_time == b.commit_time;
}

}  // namespace

TableSchemaPtr every_kind_schema() {
  auto schema = std::make_shared<TableSchema>();
  schema->oid = 16'384;
  schema->name = {"public", "every kind"};
  schema->key_columns = {0};
  std::vector<ValueType> types;
  for (const ValueKind kind :
       {ValueKind::boolean, ValueKind::int16, ValueKind::int32, ValueKind::int64, ValueKind::uint32, ValueKind::uint64, ValueKind::float32,
        ValueKind::float64, ValueKind::text, ValueKind::json, ValueKind::binary, ValueKind::date, ValueKind::time, ValueKind::time_tz,
        ValueKind::timestamp, ValueKind::timestamp_tz, ValueKind::interval, ValueKind::uuid}) {
    types.push_back(plain(kind));
  }
  types.push_back({ValueKind::decimal, 38, 10, nullptr});
  types.push_back({ValueKind::decimal, 9, 0, nullptr});
  for (const std::size_t element : {2U, 0U, 8U, 13U, 17U, 18U}) types.push_back(list_of(types[element]));
  for (const ValueType& type : types) {
    ColumnSchema column;
    column.name = "c" + std::to_string(schema->columns.size()) + "_" + to_string(type);
    column.attnum = static_cast<std::int16_t>(schema->columns.size() + 1);
    column.value = type;
    schema->columns.push_back(std::move(column));
  }
  schema->columns[0].in_identity = true;
  return schema;
}

TableChunk sample_chunk(const TableSchemaPtr& schema, const SampleOptions& options, Random& random) {
  TableChunk chunk;
  chunk.schema = schema;
  chunk.rows = options.rows;
  if (options.streamed) add_changes(chunk, options, random);
  for (const ColumnSchema& column_schema : schema->columns) {
    ArrowColumn column = empty_column(column_schema.value);
    Buffer present;
    for (std::uint32_t row = 0; row < options.rows; ++row) {
      const bool absent = random.below(100) < options.absent_percent;
      append_value(column, absent ? 100 : options.nulls_percent, random);
      if (options.absent_percent > 0) push_bit(present, row, !absent);
    }
    chunk.columns.push_back(std::move(column));
    if (options.absent_percent > 0) chunk.present.push_back(std::move(present));
  }
  return chunk;
}

bool same_column(const ArrowColumn& a, const ArrowColumn& b) {
  return a.type == b.type && a.length == b.length && a.null_count == b.null_count && same_bytes(a.validity, b.validity) &&
         same_bytes(a.offsets, b.offsets) && same_bytes(a.values, b.values) &&
         std::equal(a.children.begin(), a.children.end(), b.children.begin(), b.children.end(), same_column);
}

bool same_chunk(const TableChunk& a, const TableChunk& b) {
  return a.rows == b.rows && a.ops == b.ops && a.ordinals == b.ordinals &&
         std::equal(a.runs.begin(), a.runs.end(), b.runs.begin(), b.runs.end(), same_run) &&
         std::equal(a.columns.begin(), a.columns.end(), b.columns.begin(), b.columns.end(), same_column) &&
         std::equal(a.present.begin(), a.present.end(), b.present.begin(), b.present.end(), same_bytes);
}

}  // namespace luge
