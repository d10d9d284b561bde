#include "model/arrow_export.h"

#include <array>
#include <string>
#include <utility>

#include "model/arrow_format.h"

namespace luge {

namespace {

/// Owns one exported ArrowSchema's memory, children included.
struct SchemaHolder {
  std::string format;
  std::string name;
  std::vector<ArrowSchema> children;
  std::vector<ArrowSchema*> child_pointers;
};

void release_schema(ArrowSchema* schema) {
  for (std::int64_t i = 0; i < schema->n_children; ++i) {
    ArrowSchema* child = schema->children[i];
    if (child->release != nullptr) child->release(child);  // a consumer may have moved it away
  }
  delete static_cast<SchemaHolder*>(schema->private_data);
  schema->release = nullptr;
}

ArrowSchema& fill_schema(ArrowSchema& out, std::string format, std::string name, bool nullable, std::size_t children) {
  auto* holder = new SchemaHolder{std::move(format), std::move(name), std::vector<ArrowSchema>(children), {}};
  for (ArrowSchema& child : holder->children) holder->child_pointers.push_back(&child);
  out = {};
  out.format = holder->format.c_str();
  out.name = holder->name.c_str();
  out.flags = nullable ? ARROW_FLAG_NULLABLE : 0;
  out.n_children = static_cast<std::int64_t>(children);
  out.children = holder->child_pointers.data();
  out.release = release_schema;
  out.private_data = holder;
  return out;
}

void fill_schema_of(ArrowSchema& out, const ValueType& type, const std::string& name, bool nullable) {
  if (type.kind == ValueKind::list) {
    fill_schema(out, arrow_format(type), name, nullable, 1);
    fill_schema_of(*out.children[0], *type.element, "item", true);
  } else if (type.kind == ValueKind::time_tz) {
    fill_schema(out, arrow_format(type), name, nullable, 2);
    fill_schema_of(*out.children[0], {ValueKind::time, 0, 0, nullptr}, "time", false);
    fill_schema_of(*out.children[1], {ValueKind::int32, 0, 0, nullptr}, "offset_seconds", false);
  } else {
    fill_schema(out, arrow_format(type), name, nullable, 0);
  }
}

/// Owns one exported ArrowArray's memory: the very buffers that were built.
struct ArrayHolder {
  ArrowColumn column;
  std::array<const void*, 3> buffers{};
  std::vector<ArrowArray> children;
  std::vector<ArrowArray*> child_pointers;
};

void release_array(ArrowArray* array) {
  for (std::int64_t i = 0; i < array->n_children; ++i) {
    ArrowArray* child = array->children[i];
    if (child->release != nullptr) child->release(child);
  }
  delete static_cast<ArrayHolder*>(array->private_data);
  array->release = nullptr;
}

/// Only the validity bitmap may be a null pointer.
const void* data_or_nothing(const Buffer& buffer) {
  alignas(64) static constexpr std::uint8_t kNothing[64] = {};
  return buffer.data() != nullptr ? static_cast<const void*>(buffer.data()) : kNothing;
}

void fill_array(ArrowArray& out, ArrowColumn column);

void fill_children(ArrowArray& out, ArrayHolder& holder, std::vector<ArrowColumn> columns) {
  holder.children.resize(columns.size());
  for (std::size_t i = 0; i < columns.size(); ++i) {
    fill_array(holder.children[i], std::move(columns[i]));
    holder.child_pointers.push_back(&holder.children[i]);
  }
  out.n_children = static_cast<std::int64_t>(columns.size());
  out.children = holder.child_pointers.data();
}

void fill_array(ArrowArray& out, ArrowColumn column) {
  auto* holder = new ArrayHolder;
  out = {};
  out.release = release_array;
  out.private_data = holder;
  out.buffers = holder->buffers.data();
  fill_children(out, *holder, std::exchange(column.children, {}));
  holder->column = std::move(column);
  const ArrowColumn& kept = holder->column;
  out.length = static_cast<std::int64_t>(kept.length);
  out.null_count = static_cast<std::int64_t>(kept.null_count);
  std::size_t buffers = 0;
  holder->buffers[buffers++] = kept.validity.empty() ? nullptr : kept.validity.data();
  if (has_offsets(kept.type.kind)) holder->buffers[buffers++] = data_or_nothing(kept.offsets);
  if (kept.type.kind != ValueKind::list && kept.type.kind != ValueKind::time_tz) holder->buffers[buffers++] = data_or_nothing(kept.values);
  out.n_buffers = static_cast<std::int64_t>(buffers);
}

}  // namespace

void export_chunk(TableChunk chunk, ArrowSchema* out_schema, ArrowArray* out_array) {
  const std::vector<ColumnSchema>& columns = chunk.schema->columns;
  fill_schema(*out_schema, "+s", "", false, columns.size());
  for (std::size_t i = 0; i < columns.size(); ++i) fill_schema_of(*out_schema->children[i], columns[i].value, columns[i].name, true);

  auto* holder = new ArrayHolder;
  *out_array = {};
  out_array->length = chunk.rows;
  out_array->n_buffers = 1;
  out_array->buffers = holder->buffers.data();  // a struct that is never null has no bitmap
  out_array->release = release_array;
  out_array->private_data = holder;
  fill_children(*out_array, *holder, std::move(chunk.columns));
}

}  // namespace luge
