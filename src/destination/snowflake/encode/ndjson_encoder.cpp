#include "destination/snowflake/encode/ndjson_encoder.h"

#include <algorithm>

#include "base/ensure.h"
#include "destination/snowflake/encode/json_string.h"
#include "destination/snowflake/encode/number_text.h"
#include "destination/snowflake/encode/offset_token.h"
#include "destination/snowflake/encode/time_text.h"

namespace luge {

namespace {

constexpr std::size_t kBlock = 16;
constexpr std::size_t kLargestVariant = 16 * 1024 * 1024;

bool is_jsonb(const ColumnSchema& column) {
  if (column.type == nullptr) return false;
  const PgType& type = column.type->resolved();
  return (type.is_array && type.element != nullptr ? type.element->resolved() : type).oid == pg_oid::kJsonb;
}

/// `,"NAME":` filled up to whole blocks.
std::string key_of(const std::string& name, std::size_t& size) {
  Buffer text;
  JsonOutput out(text);
  write_json_string(name, out);
  out.finish();
  std::string key = "," + std::string(reinterpret_cast<const char*>(text.data()), text.size()) + ":";
  size = key.size();
  key.resize((size + kBlock - 1) / kBlock * kBlock);
  return key;
}

std::string number(std::uint64_t value) { return std::to_string(value); }

}  // namespace

NdjsonEncoder::NdjsonEncoder(TableSchemaPtr schema, std::span<const std::string> names, Epoch epoch, RowLayout layout, bool transformed)
    : schema_(std::move(schema)), epoch_(epoch), layout_(layout), transformed_(transformed) {
  ENSURE(names.size() == schema_->columns.size(), "every column has a name in the destination");
  columns_.reserve(names.size());
  std::size_t attnums = 0;
  for (std::size_t i = 0; i < names.size(); ++i) {
    const ColumnSchema& column = schema_->columns[i];
    ENSURE(column.attnum > 0, "a column has an attnum, which is its place in _LUGE_PRESENT");
    std::size_t key_size = 0;
    std::string key = key_of(names[i], key_size);
    const JsonText json = is_jsonb(column) && !transformed ? JsonText::jsonb : JsonText::any;
    columns_.push_back({std::move(key), key_size, ValueWriter(column.value, json), nullptr, column.attnum});
    attnums = std::max(attnums, static_cast<std::size_t>(column.attnum));
  }
  no_presence_.assign(attnums, '0');
}

void NdjsonEncoder::Column::write_key(JsonOutput& out) const {
  for (std::size_t done = 0; done < key.size(); done += kBlock) std::memcpy(out.at + done, key.data() + done, kBlock);
  out.at += key_size;
}

void NdjsonEncoder::bind(const TableChunk& chunk) {
  ENSURE(chunk.columns.size() == columns_.size(), "the chunk has the encoder's shape");
  has_absent_ = false;
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    columns_[i].writer.bind(chunk.columns[i]);
    columns_[i].present = chunk.present.empty() || chunk.present[i].empty() ? nullptr : chunk.present[i].data();
    has_absent_ = has_absent_ || columns_[i].present != nullptr;
  }
}

void NdjsonEncoder::set_head(Lsn commit_lsn, std::optional<Xid> xid, std::optional<PgTimestamp> commit_time) {
  if (layout_ == RowLayout::state) {
    head_ = "{\"_LUGE_POSITION\":\"" + offset_token({epoch_, commit_lsn, 0}).substr(0, kOffsetTokenOrdinal);
    return;
  }
  head_ = "{\"_LUGE_EPOCH\":" + number(epoch_) + ",\"_LUGE_LSN\":" + number(commit_lsn.value);
  if (xid) head_ += ",\"_LUGE_XID\":" + number(*xid);
  std::int64_t since_1970 = 0;
  // A commit time is a clock's, so it always fits; a server's clock set to the year 300000 is no reason to stop.
  if (commit_time && !__builtin_add_overflow(commit_time->micros, kMicrosFrom1970To2000, &since_1970) && is_snowflake_timestamp(since_1970)) {
    char text[kLongestTimeText];
    head_ += ",\"_LUGE_COMMIT_TIME\":\"" + std::string(text, write_timestamp(since_1970, text)) + "+00:00\"";
  }
  head_ += ",\"_LUGE_POSITION\":\"" + offset_token({epoch_, commit_lsn, 0}).substr(0, kOffsetTokenOrdinal);
}

void NdjsonEncoder::write_head(std::uint64_t ordinal, char op, JsonOutput& out) const {
  out.room(head_.size() + 2 * kLongestIntegerText + 64);
  out.put(std::string_view(head_));
  out.at = write_hex(ordinal, out.at);
  if (layout_ == RowLayout::state) {
    out.put('"');
    return;
  }
  out.put(std::string_view("\",\"_LUGE_ORDINAL\":"));
  out.at = write_unsigned(ordinal, out.at);
  out.put(std::string_view(",\"_LUGE_OP\":\""));
  out.put(op);
  out.put('"');
}

void NdjsonEncoder::write_presence(std::size_t row, std::optional<std::size_t> old_row, JsonOutput& out) const {
  const auto carried = [&](const Column& column) { return column.is_present(row) || (old_row && column.is_present(*old_row)); };
  if (std::all_of(columns_.begin(), columns_.end(), carried)) return;
  constexpr std::string_view kKey = ",\"_LUGE_PRESENT\":\"";
  out.room(kKey.size() + no_presence_.size() + 1);
  out.put(kKey);
  char* const bits = out.at;
  out.put(std::string_view(no_presence_));
  for (const Column& column : columns_) {
    if (carried(column)) bits[column.attnum - 1] = '1';
  }
  out.put('"');
}

bool NdjsonEncoder::write_column(std::size_t column, std::size_t row, JsonOutput& out) {
  Column& written = columns_[column];
  out.room(written.key.size() + ValueWriter::kRoom);
  written.write_key(out);
  misfit_.reason = written.writer.write(row, out);
  misfit_.column = column;
  return misfit_.reason == nullptr;
}

bool NdjsonEncoder::write_old_key(std::size_t old_row, JsonOutput& out) {
  constexpr std::string_view kKey = ",\"_LUGE_OLD_KEY\":";
  out.room(kKey.size());
  out.put(kKey);
  const std::size_t begin = out.size();
  const auto write = [&](std::size_t column) {
    if (!columns_[column].is_present(old_row) || columns_[column].writer.is_null(old_row)) return true;
    if (!write_column(column, old_row, out)) return false;
    if (out.size() - begin <= kLargestVariant) return true;
    misfit_.reason = "the old row is longer than the 16 MB of a VARIANT";
    return false;
  };
  if (schema_->keyless()) {
    for (std::size_t column = 0; column < columns_.size(); ++column) {
      if (!write(column)) return false;
    }
  } else {
    for (const std::uint16_t column : schema_->key_columns) {
      if (!write(column)) return false;
    }
  }
  out.room(2);
  if (out.size() == begin) {
    out.put('{');
  } else {
    out.at[-static_cast<std::ptrdiff_t>(out.size() - begin)] = '{';  // was the first key's comma
  }
  out.put('}');
  return true;
}

bool NdjsonEncoder::write_values(std::size_t row, std::optional<std::size_t> old_row, JsonOutput& out) {
  for (std::size_t column = 0; column < columns_.size(); ++column) {
    const Column& written = columns_[column];
    std::size_t source = row;
    if (!written.is_present(row)) {
      if (!old_row || !written.is_present(*old_row)) continue;
      source = *old_row;  // unchanged, and the old image knows it
    }
    if (written.writer.is_null(source)) continue;
    if (!write_column(column, source, out)) return false;
  }
  return true;
}

std::optional<UnencodableValue> NdjsonEncoder::encode(const TableChunk& chunk, const RowSelection& selection, EncodedRows& out) {
  const std::uint32_t to = std::min(selection.to, chunk.rows);
  if (selection.from >= to) return std::nullopt;
  ENSURE(selection.shard_of_row.empty() || selection.shard_of_row.size() == chunk.rows, "every row of the chunk has a shard");
  bind(chunk);
  const bool copied = chunk.ops.empty();
  ENSURE(copied || layout_ == RowLayout::log, "changes belong into the log");
  auto run = chunk.runs.begin();
  bool head_is_set = false;
  JsonOutput json(out.text);
  bool fits = true;
  for (std::uint32_t row = selection.from; row < to && fits; ++row) {
    Position position{epoch_, selection.copied_from.commit_lsn, selection.copied_from.ordinal + row};
    RowOp op = RowOp::insert;
    if (!copied) {
      while (row >= run->end_row) {
        ++run;
        head_is_set = false;
      }
      ENSURE(!run->commit_lsn.is_zero(), "rows of an open transaction have no position yet");
      position = {epoch_, run->commit_lsn, chunk.ordinals[row]};
      op = chunk.ops[row];
    }
    if (op == RowOp::old_image) {
      ENSURE(row + 1 < chunk.rows && chunk.ops[row + 1] == RowOp::update, "an old image precedes its update");
      continue;
    }
    if (!selection.shard_of_row.empty() && selection.shard_of_row[row] != selection.shard) continue;
    if (selection.after && position <= *selection.after) continue;
    if (!head_is_set) {
      if (copied) {
        set_head(position.commit_lsn, std::nullopt, std::nullopt);
      } else {
        set_head(run->commit_lsn, run->xid, run->commit_time);
      }
      head_is_set = true;
    }
    std::optional<std::size_t> old_row;
    if (op == RowOp::update && row > 0 && chunk.ops[row - 1] == RowOp::old_image) old_row = row - 1;
    const std::size_t begin = json.size();
    write_head(position.ordinal, static_cast<char>(op), json);
    if (has_absent_) write_presence(row, old_row, json);
    fits = (!old_row || write_old_key(*old_row, json)) && write_values(row, old_row, json);
    if (!fits) [[unlikely]] {
      json.rewind(begin);
      misfit_.row = row;
      break;
    }
    json.room(2);
    json.put(std::string_view("}\n"));
    out.rows.push_back({json.size(), position});
  }
  json.finish();
  if (!fits) return misfit_;
  return std::nullopt;
}

void NdjsonEncoder::encode_truncate(const Truncate& truncate, EncodedRows& out) {
  set_head(truncate.position.commit_lsn, truncate.xid, truncate.commit_time);
  JsonOutput json(out.text);
  write_head(truncate.position.ordinal, 't', json);
  const std::string rest = ",\"_LUGE_PRESENT\":\"" + no_presence_ + "\"}\n";
  json.room(rest.size());
  json.put(std::string_view(rest));
  json.finish();
  out.rows.push_back({out.text.size(), {epoch_, truncate.position.commit_lsn, truncate.position.ordinal}});
}

}  // namespace luge
