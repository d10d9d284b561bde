#include <string>
#include <utility>

#include "model/arrow_export.h"
#include "model/arrow_format.h"
#include "model/arrow_layout.h"
#include "model/row_filter.h"

namespace luge {

namespace {

/// Calls the release callback however the import ends.
template <class T>
class Released {
 public:
  explicit Released(T* handed_over) : handed_over_(handed_over) {}
  ~Released() {
    if (handed_over_->release != nullptr) handed_over_->release(handed_over_);
  }
  Released(const Released&) = delete;
  Released& operator=(const Released&) = delete;

 private:
  T* handed_over_;
};

Error mismatch(const std::string& why) { return fatal("arrow_mismatch", "Arrow data does not have the shape of its table: " + why); }

bool has_type(const ArrowSchema& schema, const ValueType& type) {
  if (schema.format == nullptr || schema.dictionary != nullptr || arrow_format(type) != schema.format) return false;
  if (type.kind == ValueKind::list) return schema.n_children == 1 && has_type(*schema.children[0], *type.element);
  if (type.kind != ValueKind::time_tz) return schema.n_children == 0;
  return schema.n_children == 2 && has_type(*schema.children[0], {ValueKind::time, 0, 0, nullptr}) &&
         has_type(*schema.children[1], {ValueKind::int32, 0, 0, nullptr});
}

/// Rows [begin, begin + length) of an array; its own offset is added here.
struct Slice {
  const ArrowArray& array;
  std::size_t begin;
  std::size_t length;

  static Slice of(const ArrowArray& array, std::size_t begin, std::size_t length) {
    return {array, begin + static_cast<std::size_t>(array.offset), length};
  }
  bool fits(std::int64_t buffers) const {
    return array.length >= 0 && array.offset >= 0 && begin + length <= static_cast<std::size_t>(array.length + array.offset) &&
           array.n_buffers == buffers;
  }
  bool is_null(std::size_t row) const {
    const auto* validity = static_cast<const std::uint8_t*>(array.buffers[0]);
    return validity != nullptr && !bit_at(validity, begin + row);
  }
  template <class T>
  const T* buffer(int index) const {
    return static_cast<const T*>(array.buffers[index]);
  }
};

bool import_column(const Slice& slice, const ValueType& type, ArrowColumn& out);

void import_nulls(const Slice& slice, ArrowColumn& out) {
  for (std::size_t row = 0; row < slice.length; ++row) out.null_count += slice.is_null(row) ? 1 : 0;
  if (out.null_count == 0) return;
  out.validity.resize_zeroed((slice.length + 7) / 8);
  for (std::size_t row = 0; row < slice.length; ++row) {
    if (!slice.is_null(row)) set_bit(out.validity.data(), row);
  }
}

void import_bits(const Slice& slice, ArrowColumn& out) {
  out.values.resize_zeroed((slice.length + 7) / 8);
  const auto* bits = slice.buffer<std::uint8_t>(1);
  for (std::size_t row = 0; row < slice.length; ++row) {
    if (!out.is_null(row) && bit_at(bits, slice.begin + row)) set_bit(out.values.data(), row);
  }
}

void import_fixed(const Slice& slice, ArrowColumn& out) {
  const std::size_t width = value_width(out.type.kind);
  out.values.append(slice.buffer<std::uint8_t>(1) + slice.begin * width, slice.length * width);
  for (std::size_t row = 0; row < slice.length && out.null_count > 0; ++row) {
    if (out.is_null(row)) std::memset(out.values.data() + row * width, 0, width);
  }
}

/// Nulls may have slots that are not empty: the ranges of data that count, and offsets over them.
bool import_offsets(const Slice& slice, ArrowColumn& out, std::vector<RowRange>& data) {
  const std::int32_t* offsets = slice.buffer<std::int32_t>(1) + slice.begin;
  std::int32_t end = 0;
  out.offsets.push(end);
  for (std::size_t row = 0; row < slice.length; ++row) {
    if (offsets[row] < 0 || offsets[row + 1] < offsets[row]) return false;
    if (!out.is_null(row) && offsets[row + 1] > offsets[row]) {
      const RowRange range{static_cast<std::uint32_t>(offsets[row]), static_cast<std::uint32_t>(offsets[row + 1])};
      if (!data.empty() && data.back().end == range.begin) {
        data.back().end = range.end;
      } else {
        data.push_back(range);
      }
      end += offsets[row + 1] - offsets[row];
    }
    out.offsets.push(end);
  }
  return true;
}

bool import_list(const Slice& slice, const ValueType& type, ArrowColumn& out) {
  std::vector<RowRange> data;
  if (slice.array.n_children != 1 || !import_offsets(slice, out, data)) return false;
  const std::uint32_t begin = data.empty() ? 0 : data.front().begin;
  const std::uint32_t end = data.empty() ? 0 : data.back().end;
  ArrowColumn& child = out.children.emplace_back();
  if (!import_column(Slice::of(*slice.array.children[0], begin, end - begin), *type.element, child)) return false;
  for (RowRange& range : data) range = {range.begin - begin, range.end - begin};
  keep_values(child, data);
  return true;
}

bool import_time_tz(const Slice& slice, ArrowColumn& out) {
  if (slice.array.n_children != 2) return false;
  for (int i = 0; i < 2; ++i) {
    ArrowColumn child;
    const ValueType type{i == 0 ? ValueKind::time : ValueKind::int32, 0, 0, nullptr};
    if (!import_column(Slice::of(*slice.array.children[i], slice.begin, slice.length), type, child)) return false;
    for (std::size_t row = 0; row < slice.length; ++row) {
      if (out.is_null(row)) {
        std::memset(child.values.data() + row * value_width(type.kind), 0, value_width(type.kind));
      } else if (child.is_null(row)) {
        return false;  // half a value
      }
    }
    child.validity.clear();
    child.null_count = 0;
    out.children.push_back(std::move(child));
  }
  return true;
}

std::int64_t buffer_count(ValueKind kind) {
  if (kind == ValueKind::time_tz) return 1;
  return kind != ValueKind::list && has_offsets(kind) ? 3 : 2;
}

bool import_column(const Slice& slice, const ValueType& type, ArrowColumn& out) {
  if (!slice.fits(buffer_count(type.kind))) return false;
  out.type = type;
  out.length = slice.length;
  import_nulls(slice, out);
  if (type.kind == ValueKind::time_tz) return import_time_tz(slice, out);
  if (slice.length == 0) {  // its buffers may be null pointers
    if (has_offsets(type.kind)) out.offsets.push(std::int32_t{0});
    if (type.kind == ValueKind::list)
      return slice.array.n_children == 1 && import_column({*slice.array.children[0], 0, 0}, *type.element, out.children.emplace_back());
    return true;
  }
  if (type.kind == ValueKind::list) return import_list(slice, type, out);
  if (type.kind == ValueKind::boolean) {
    import_bits(slice, out);
  } else if (has_offsets(type.kind)) {
    std::vector<RowRange> data;
    if (!import_offsets(slice, out, data)) return false;
    for (const RowRange& range : data) out.values.append(slice.buffer<std::uint8_t>(2) + range.begin, range.end - range.begin);
  } else {
    import_fixed(slice, out);
  }
  return true;
}

}  // namespace

Result<TableChunk> import_chunk(TableSchemaPtr schema, ArrowSchema* in_schema, ArrowArray* in_array) {
  const Released<ArrowSchema> schema_goes(in_schema);
  const Released<ArrowArray> array_goes(in_array);
  const auto columns = static_cast<std::int64_t>(schema->columns.size());
  if (in_schema->format == nullptr || std::string_view(in_schema->format) != "+s") return mismatch("it is not a struct");
  if (in_schema->n_children != columns || in_array->n_children != columns) return mismatch("it has another number of columns");
  if (in_array->length < 0 || in_array->length > UINT32_MAX || in_array->offset < 0) return mismatch("its length makes no sense");
  const auto rows = static_cast<std::size_t>(in_array->length);
  const auto begin = static_cast<std::size_t>(in_array->offset);
  const auto* validity = in_array->n_buffers > 0 ? static_cast<const std::uint8_t*>(in_array->buffers[0]) : nullptr;
  for (std::size_t row = 0; validity != nullptr && row < rows; ++row) {
    if (!bit_at(validity, begin + row)) return mismatch("a whole row is null");
  }
  TableChunk chunk;
  chunk.rows = static_cast<std::uint32_t>(rows);
  chunk.columns.resize(schema->columns.size());
  for (std::size_t i = 0; i < chunk.columns.size(); ++i) {
    const ColumnSchema& column = schema->columns[i];
    const ArrowSchema& arrow = *in_schema->children[i];
    if (arrow.name == nullptr || column.name != arrow.name) return mismatch("a column where " + column.name + " is expected has another name");
    if (!has_type(arrow, column.value)) return mismatch("column " + column.name + " is not " + to_string(column.value));
    if (!import_column(Slice::of(*in_array->children[i], begin, rows), column.value, chunk.columns[i]))
      return mismatch("column " + column.name + " is malformed");
    if (!has_valid_text(chunk.columns[i])) return mismatch("column " + column.name + " has text that is not UTF-8");
  }
  chunk.schema = std::move(schema);
  if (const char* fault = layout_fault(chunk)) return mismatch(fault);
  return chunk;
}

}  // namespace luge
