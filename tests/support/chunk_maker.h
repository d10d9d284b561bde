#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "model/table_chunk.h"

namespace luge::chunk_test {

struct Absent {};
/// NULL is monostate; numbers stand for every fixed-width kind, strings for text, json, binary and (16 bytes) uuid.
using Value = std::variant<std::monostate, Absent, std::int64_t, double, std::string, std::vector<std::optional<std::int64_t>>>;

inline const Value kNull{};
inline const Value kAbsent{Absent{}};
inline Value n(std::int64_t value) { return value; }
inline Value s(std::string value) { return value; }

inline ArrowColumn empty_column(const ValueType& type) {
  ArrowColumn column;
  column.type = type;
  if (type.kind == ValueKind::text || type.kind == ValueKind::json || type.kind == ValueKind::binary || type.kind == ValueKind::list)
    column.offsets.push<std::int32_t>(0);
  if (type.kind == ValueKind::list) column.children.push_back(empty_column(*type.element));
  if (type.kind == ValueKind::time_tz) {
    column.children.push_back(empty_column({ValueKind::time, 0, 0, nullptr}));
    column.children.push_back(empty_column({ValueKind::int32, 0, 0, nullptr}));
  }
  return column;
}

inline void append(ArrowColumn& column, const Value& value) {
  const std::size_t row = column.length++;
  const bool present = !std::holds_alternative<std::monostate>(value) && !std::holds_alternative<Absent>(value);
  column.validity.resize_zeroed((column.length + 7) / 8);
  if (present) set_bit(column.validity.data(), row);
  if (!present) ++column.null_count;
  const std::int64_t number = std::holds_alternative<std::int64_t>(value) ? std::get<std::int64_t>(value) : 0;
  const double real = std::holds_alternative<double>(value) ? std::get<double>(value) : static_cast<double>(number);
  const std::string text = std::holds_alternative<std::string>(value) ? std::get<std::string>(value) : "";
  switch (column.type.kind) {
    case ValueKind::boolean:
      column.values.resize_zeroed((column.length + 7) / 8);
      if (number != 0) set_bit(column.values.data(), row);
      break;
    case ValueKind::int16: column.values.push(static_cast<std::int16_t>(number)); break;
    case ValueKind::int32:
    case ValueKind::date: column.values.push(static_cast<std::int32_t>(number)); break;
    case ValueKind::uint32: column.values.push(static_cast<std::uint32_t>(number)); break;
    case ValueKind::int64:
    case ValueKind::uint64:
    case ValueKind::time:
    case ValueKind::timestamp:
    case ValueKind::timestamp_tz: column.values.push(number); break;
    case ValueKind::float32: column.values.push(static_cast<float>(real)); break;
    case ValueKind::float64: column.values.push(real); break;
    case ValueKind::decimal: column.values.push(static_cast<__int128>(number)); break;
    case ValueKind::interval:  // months * 1000 + days
      column.values.push(static_cast<std::int32_t>(number / 1000));
      column.values.push(static_cast<std::int32_t>(number % 1000));
      column.values.push(std::int64_t{0});
      break;
    case ValueKind::uuid: {
      std::string bytes = text;
      bytes.resize(16);
      column.values.append(bytes.data(), 16);
      break;
    }
    case ValueKind::time_tz:  // offset in seconds; the time is noon
      append(column.children[0], n(43'200'000'000));
      append(column.children[1], n(number));
      break;
    case ValueKind::text:
    case ValueKind::json:
    case ValueKind::binary:
      column.values.append(text.data(), text.size());
      column.offsets.push(static_cast<std::int32_t>(column.values.size()));
      break;
    case ValueKind::list:
      if (const auto* elements = std::get_if<std::vector<std::optional<std::int64_t>>>(&value)) {
        for (const auto& element : *elements) append(column.children[0], element ? n(*element) : kNull);
      }
      column.offsets.push(static_cast<std::int32_t>(column.children[0].length));
      break;
  }
}

inline ColumnSchema column(std::string name, std::int16_t attnum, ValueKind kind, std::uint8_t precision = 0, std::uint8_t scale = 0) {
  ColumnSchema out;
  out.name = std::move(name);
  out.attnum = attnum;
  auto type = std::make_shared<PgType>();
  type->oid = pg_oid::kText;
  type->schema = "pg_catalog";
  type->name = "text";
  out.type = std::move(type);
  out.value = {kind, precision, scale, nullptr};
  return out;
}

inline TableSchemaPtr shape(RelationOid oid, TableName name, std::vector<ColumnSchema> columns, std::vector<std::uint16_t> keys) {
  auto out = std::make_shared<TableSchema>();
  out->oid = oid;
  out->name = std::move(name);
  out->columns = std::move(columns);
  out->identity = keys.empty() ? ReplicaIdentity::full : ReplicaIdentity::key;
  for (const std::uint16_t key : keys) out->columns[key].in_identity = true;
  out->key_columns = std::move(keys);
  return out;
}

/// Builds a chunk row by row.
class ChunkMaker {
 public:
  explicit ChunkMaker(TableSchemaPtr schema) {
    chunk_.schema = std::move(schema);
    for (const ColumnSchema& c : chunk_.schema->columns) chunk_.columns.push_back(empty_column(c.value));
    chunk_.present.resize(chunk_.columns.size());
  }
  /// A streamed change; `ordinal` and `lsn` place it.
  ChunkMaker& row(RowOp op, const std::vector<Value>& values, std::uint64_t lsn = 0, std::uint64_t ordinal = 0, Xid xid = 0) {
    values_of(values);
    chunk_.ops.push_back(op);
    chunk_.ordinals.push_back(ordinal);
    if (chunk_.runs.empty() || chunk_.runs.back().commit_lsn.value != lsn || chunk_.runs.back().xid != xid)
      chunk_.runs.push_back({0, Lsn{lsn}, xid, {}});
    chunk_.runs.back().end_row = chunk_.rows;
    return *this;
  }
  ChunkMaker& copied(const std::vector<Value>& values) {
    values_of(values);
    return *this;
  }
  std::uint32_t rows() const { return chunk_.rows; }
  TableChunk take() { return std::move(chunk_); }

 private:
  void values_of(const std::vector<Value>& values) {
    for (std::size_t c = 0; c < values.size(); ++c) {
      append(chunk_.columns[c], values[c]);
      const bool absent = std::holds_alternative<Absent>(values[c]);
      Buffer& bits = chunk_.present[c];
      if (bits.empty() && absent) {
        for (std::uint32_t r = 0; r < chunk_.rows; ++r) {
          bits.resize_zeroed(r / 8 + 1);
          set_bit(bits.data(), r);
        }
        bits.resize_zeroed(chunk_.rows / 8 + 1);
      }
      if (bits.empty()) continue;
      bits.resize_zeroed(chunk_.rows / 8 + 1);
      if (!absent) set_bit(bits.data(), chunk_.rows);
    }
    ++chunk_.rows;
  }
  TableChunk chunk_;
};

}  // namespace luge::chunk_test
