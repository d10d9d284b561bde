#include "model/arrow_layout.h"

#include <algorithm>
#include <string_view>

#include "model/utf8.h"

namespace luge {

namespace {

const char* bitmap_fault(const Buffer& bits, std::size_t length) {
  if (bits.size() != (length + 7) / 8) return "a bitmap has the wrong size";
  if ((length & 7) != 0 && (bits.data()[length >> 3] >> (length & 7)) != 0) return "a bitmap has bits past its end";
  return nullptr;
}

const char* validity_fault(const ArrowColumn& column) {
  if (column.validity.empty()) return column.null_count == 0 ? nullptr : "nulls are counted without a validity bitmap";
  if (const char* fault = bitmap_fault(column.validity, column.length)) return fault;
  std::size_t nulls = 0;
  for (std::size_t row = 0; row < column.length; ++row) nulls += column.is_null(row) ? 1 : 0;
  return nulls == column.null_count ? nullptr : "the null count differs from the validity bitmap";
}

const char* offsets_fault(const ArrowColumn& column, std::size_t end) {
  if (column.offsets.size() != (column.length + 1) * sizeof(std::int32_t)) return "the offsets have the wrong size";
  const auto* offsets = column.offsets.as<std::int32_t>();
  if (offsets[0] != 0) return "the first offset is not 0";
  for (std::size_t row = 0; row < column.length; ++row) {
    if (offsets[row + 1] < offsets[row]) return "the offsets decrease";
    if (column.is_null(row) && offsets[row + 1] != offsets[row]) return "a null's slot is not empty";
  }
  return static_cast<std::size_t>(offsets[column.length]) == end ? nullptr : "the last offset is not the end of the data";
}

const char* fixed_fault(const ArrowColumn& column) {
  const std::size_t width = value_width(column.type.kind);
  if (column.values.size() != column.length * width) return "the data has the wrong size";
  for (std::size_t row = 0; row < column.length && column.null_count > 0; ++row) {
    const std::uint8_t* slot = column.values.data() + row * width;
    if (column.is_null(row) && std::any_of(slot, slot + width, [](std::uint8_t byte) { return byte != 0; })) return "a null's slot is not zeroed";
  }
  return nullptr;
}

const char* time_tz_fault(const ArrowColumn& column) {
  if (column.children.size() != 2 || column.children[0].type.kind != ValueKind::time || column.children[1].type.kind != ValueKind::int32) {
    return "a time with zone does not have its two children";
  }
  for (const ArrowColumn& child : column.children) {
    if (child.length != column.length || child.null_count != 0) return "a child of a time with zone has another length or nulls";
    if (const char* fault = layout_fault(child)) return fault;
  }
  return column.values.empty() && column.offsets.empty() ? nullptr : "a struct has data of its own";
}

}  // namespace

const char* layout_fault(const ArrowColumn& column) {
  constexpr std::size_t kLongest = std::size_t{1} << 40;  // so that sizes can be reckoned without overflow
  if (column.length > kLongest) return "a column is longer than any can be";
  if (const char* fault = validity_fault(column)) return fault;
  const ValueKind kind = column.type.kind;
  if (kind == ValueKind::time_tz) return time_tz_fault(column);
  if (kind == ValueKind::list) {
    if (column.children.size() != 1 || !column.type.element || column.children.front().type != *column.type.element)
      return "a list does not have its one child";
    if (!column.values.empty()) return "a list has data of its own";
    if (const char* fault = layout_fault(column.children.front())) return fault;
    return offsets_fault(column, column.children.front().length);
  }
  if (!column.children.empty()) return "a plain column has children";
  if (has_offsets(kind)) return offsets_fault(column, column.values.size());
  if (!column.offsets.empty()) return "a fixed-width column has offsets";
  return kind == ValueKind::boolean ? bitmap_fault(column.values, column.length) : fixed_fault(column);
}

const char* layout_fault(const TableChunk& chunk) {
  if (!chunk.schema) return "a chunk has no schema";
  const bool streamed = !chunk.ops.empty();
  if (chunk.ops.size() != (streamed ? chunk.rows : 0) || chunk.ordinals.size() != chunk.ops.size()) return "ops or ordinals are not one a row";
  if (!streamed && !chunk.runs.empty()) return "copied rows belong to transactions";
  std::uint32_t end_row = 0;
  for (const TransactionRun& run : chunk.runs) {
    if (run.end_row <= end_row) return "the runs do not ascend";
    end_row = run.end_row;
  }
  if (streamed && end_row != chunk.rows) return "the runs do not cover the rows";
  if (chunk.columns.size() != chunk.schema->columns.size()) return "a chunk has another number of columns than its schema";
  if (!chunk.present.empty() && chunk.present.size() != chunk.columns.size()) return "the present masks are not one a column";
  for (std::size_t i = 0; i < chunk.columns.size(); ++i) {
    const ArrowColumn& column = chunk.columns[i];
    if (column.type != chunk.schema->columns[i].value) return "a column has another type than its schema says";
    if (column.length != chunk.rows) return "a column has another length than its chunk";
    if (const char* fault = layout_fault(column)) return fault;
    if (chunk.present.empty() || chunk.present[i].empty()) continue;
    if (const char* fault = bitmap_fault(chunk.present[i], chunk.rows)) return fault;
    for (std::size_t row = 0; row < chunk.rows; ++row) {
      if (!chunk.is_present(i, row) && !column.is_null(row)) return "an absent value is not null";
    }
  }
  return nullptr;
}

bool has_valid_text(const ArrowColumn& column) {
  if (column.type.kind == ValueKind::text || column.type.kind == ValueKind::json) {
    const auto* offsets = column.offsets.as<std::int32_t>();
    const auto* values = reinterpret_cast<const char*>(column.values.data());
    for (std::size_t row = 0; row < column.length; ++row) {
      if (!is_utf8({values + offsets[row], static_cast<std::size_t>(offsets[row + 1] - offsets[row])})) return false;
    }
  }
  return std::all_of(column.children.begin(), column.children.end(), has_valid_text);
}

}  // namespace luge
