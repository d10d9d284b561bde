#include "sim/mirror_table.h"

#include <algorithm>

#include "base/ensure.h"

namespace luge {

Cell cell_text(const ArrowColumn& column, std::size_t row) {
  if (column.is_null(row)) return std::nullopt;
  switch (column.type.kind) {
    case ValueKind::boolean: return bit_at(column.values.data(), row) ? "t" : "f";
    case ValueKind::int32: return std::to_string(column.values.as<std::int32_t>()[row]);
    case ValueKind::int64: return std::to_string(column.values.as<std::int64_t>()[row]);
    case ValueKind::text: {
      const auto* offsets = column.offsets.as<std::int32_t>();
      const auto length = static_cast<std::size_t>(offsets[row + 1] - offsets[row]);
      return length == 0 ? std::string() : std::string(column.values.as<char>() + offsets[row], length);
    }
    default: break;
  }
  ENSURE(false, "a kind of value the simulated source does not have");
}

std::uint64_t MirrorRows::size() const {
  std::uint64_t rows = 0;
  for (const auto& [key, entry] : entries_) rows += entry.copies;
  return rows;
}

std::string MirrorRows::key_of(const Values& values) const {
  std::string key;
  const auto add = [&](const Cell& cell) {
    if (cell) {
      key += std::to_string(cell->size());
      key += ':';
      key += *cell;
    } else {
      key += '-';
    }
    key += ',';
  };
  if (schema_->keyless()) {
    for (const Cell& cell : values) add(cell);
  } else {
    for (const std::uint16_t column : schema_->key_columns) add(values[column]);
  }
  return key;
}

void MirrorRows::set_schema(const TableSchemaPtr& schema) {
  if (schema_ == schema) return;
  if (schema_ && same_shape(*schema_, *schema)) {
    schema_ = schema;
    return;
  }
  const TableSchemaPtr before = std::exchange(schema_, schema);
  if (!before || entries_.empty()) return;
  std::vector<std::optional<std::size_t>> from;
  for (const ColumnSchema& column : schema->columns) {
    const auto old = std::find_if(before->columns.begin(), before->columns.end(), [&](const ColumnSchema& c) { return c.attnum == column.attnum; });
    if (old == before->columns.end()) {
      from.emplace_back();
    } else {
      from.emplace_back(static_cast<std::size_t>(old - before->columns.begin()));
    }
  }
  for (auto& [key, entry] : std::exchange(entries_, {})) {
    Values values;
    for (std::size_t i = 0; i < from.size(); ++i) {
      const auto& missing = schema->columns[i].missing_value;
      values.push_back(from[i] ? std::move(entry.values[*from[i]]) : missing ? cell_text(*missing, 0) : Cell{});
    }
    Entry& added = entries_[key_of(values)];
    added.values = std::move(values);
    added.copies += entry.copies;
  }
}

std::optional<std::string> MirrorRows::insert(Values values) {
  Entry& entry = entries_[key_of(values)];
  if (entry.copies > 0 && !schema_->keyless()) return "I5 a key is inserted that is there already";
  entry.values = std::move(values);
  ++entry.copies;
  return std::nullopt;
}

std::optional<std::string> MirrorRows::remove(const std::string& key) {
  const auto found = entries_.find(key);
  if (found == entries_.end()) return "I5 a row is deleted that is not there";
  if (--found->second.copies == 0) entries_.erase(found);
  return std::nullopt;
}

std::optional<std::string> MirrorRows::apply(const TableChunk& chunk) {
  if (chunk.rows == 0) return std::nullopt;
  set_schema(chunk.schema);
  std::optional<std::string> old_key;  // of an old image, waiting for its update
  for (std::uint32_t row = 0; row < chunk.rows; ++row) {
    Values values;
    std::vector<bool> present;
    for (std::size_t column = 0; column < chunk.columns.size(); ++column) {
      present.push_back(chunk.is_present(column, row));
      values.push_back(present.back() ? cell_text(chunk.columns[column], row) : Cell{});
    }
    const RowOp op = chunk.ops.empty() ? RowOp::insert : chunk.ops[row];
    const bool whole = std::find(present.begin(), present.end(), false) == present.end();
    for (const std::uint16_t column : schema_->key_columns) {
      if (!present[column] && !(op == RowOp::update && old_key)) return "I7 a row comes without its key";
    }
    switch (op) {
      case RowOp::insert:
        if (!whole) return "I7 an insert comes with an unchanged value";
        if (auto problem = insert(std::move(values))) return problem;
        break;
      case RowOp::old_image:
        if (schema_->keyless() && !whole) return "I7 a full old image comes with an absent value";
        old_key = key_of(values);
        break;
      case RowOp::remove:
        if (schema_->keyless() && !whole) return "I7 a full old row comes with an absent value";
        if (auto problem = remove(key_of(values))) return problem;
        break;
      case RowOp::update: {
        if (schema_->keyless() && !old_key) return "I8 an update of a keyless table comes without the old row";
        const std::string base_key = old_key ? *std::exchange(old_key, std::nullopt) : key_of(values);
        const auto base = entries_.find(base_key);
        if (base == entries_.end()) return "I5 a row is updated that is not there";
        for (std::size_t column = 0; column < values.size(); ++column) {
          if (!present[column]) values[column] = base->second.values[column];
        }
        if (auto problem = remove(base_key)) return problem;
        if (auto problem = insert(std::move(values))) return problem;
        break;
      }
    }
  }
  if (old_key) return "I5 an old image without its update";
  return std::nullopt;
}

}  // namespace luge
