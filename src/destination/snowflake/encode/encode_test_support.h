#pragma once
#include <cstring>
#include <gtest/gtest.h>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "destination/snowflake/encode/ndjson_encoder.h"

namespace luge {

inline ValueType plain(ValueKind kind) { return {kind, 0, 0, nullptr}; }
inline ValueType decimal(std::uint8_t precision, std::uint8_t scale) { return {ValueKind::decimal, precision, scale, nullptr}; }
inline ValueType list_of(ValueType element) { return {ValueKind::list, 0, 0, std::make_shared<const ValueType>(std::move(element))}; }

/// One more row; the value's bytes are appended by the caller.
inline void count_row(ArrowColumn& column, bool valid) {
  if (!valid && column.validity.empty()) {
    column.validity.resize_zeroed(column.length / 8 + 1);
    for (std::size_t i = 0; i < column.length; ++i) set_bit(column.validity.data(), i);
  }
  if (!column.validity.empty()) {
    column.validity.resize_zeroed(column.length / 8 + 1);
    if (valid) set_bit(column.validity.data(), column.length);
  }
  column.null_count += valid ? 0 : 1;
  ++column.length;
}

template <class T>
ArrowColumn fixed_column(ValueType type, const std::vector<std::optional<T>>& values) {
  ArrowColumn column;
  column.type = std::move(type);
  for (const auto& value : values) {
    column.values.push(value.value_or(T{}));
    count_row(column, value.has_value());
  }
  return column;
}

inline ArrowColumn bytes_column(ValueType type, const std::vector<std::optional<std::string>>& values) {
  ArrowColumn column;
  column.type = std::move(type);
  column.offsets.push(std::int32_t{0});
  for (const auto& value : values) {
    if (value) column.values.append(value->data(), value->size());
    column.offsets.push(static_cast<std::int32_t>(column.values.size()));
    count_row(column, value.has_value());
  }
  return column;
}

inline ArrowColumn boolean_column(const std::vector<std::optional<bool>>& values) {
  ArrowColumn column;
  column.type = plain(ValueKind::boolean);
  for (const auto& value : values) {
    column.values.resize_zeroed(column.length / 8 + 1);
    if (value.value_or(false)) set_bit(column.values.data(), column.length);
    count_row(column, value.has_value());
  }
  return column;
}

/// `sizes`: how many of the element's values each row takes; nullopt: NULL.
inline ArrowColumn list_column(ArrowColumn elements, const std::vector<std::optional<std::int32_t>>& sizes) {
  ArrowColumn column;
  column.type = list_of(elements.type);
  std::int32_t end = 0;
  column.offsets.push(end);
  for (const auto& size : sizes) {
    end += size.value_or(0);
    column.offsets.push(end);
    count_row(column, size.has_value());
  }
  column.children.push_back(std::move(elements));
  return column;
}

inline TableSchemaPtr schema_of(const std::vector<std::pair<std::string, ValueType>>& columns, std::vector<std::uint16_t> key_columns = {0}) {
  auto schema = std::make_shared<TableSchema>();
  schema->oid = 16'384;
  schema->name = {"public", "t"};
  for (const auto& [name, type] : columns) {
    ColumnSchema column;
    column.name = name;
    column.attnum = static_cast<std::int16_t>(schema->columns.size() + 1);
    column.value = type;
    schema->columns.push_back(std::move(column));
  }
  schema->key_columns = std::move(key_columns);
  return schema;
}

/// Copied rows of one column.
inline TableChunk copied_chunk(ArrowColumn column) {
  TableChunk chunk;
  chunk.schema = schema_of({{"C", column.type}});
  chunk.rows = static_cast<std::uint32_t>(column.length);
  chunk.columns.push_back(std::move(column));
  return chunk;
}

inline std::vector<std::string> names_of(const TableSchema& schema) {
  std::vector<std::string> names;
  for (const ColumnSchema& column : schema.columns) names.push_back(column.name);
  return names;
}

/// Writes every value of the column; "NULL" for NULL, "! reason" for what does not fit.
inline std::vector<std::string> written_values(const ArrowColumn& column, JsonText json = JsonText::any) {
  ValueWriter writer(column.type, json);
  writer.bind(column);
  std::vector<std::string> texts;
  for (std::size_t row = 0; row < column.length; ++row) {
    if (writer.is_null(row)) {
      texts.emplace_back("NULL");
      continue;
    }
    Buffer buffer;
    JsonOutput out(buffer);
    out.room(ValueWriter::kRoom);
    const MisfitReason reason = writer.write(row, out);
    out.finish();
    texts.push_back(reason != nullptr ? std::string("! ") + reason : std::string(reinterpret_cast<const char*>(buffer.data()), buffer.size()));
  }
  return texts;
}

}  // namespace luge
