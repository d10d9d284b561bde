#include "batch/chunk_builder.h"

#include <algorithm>

#include "base/ensure.h"

namespace luge {

namespace {

constexpr std::uint32_t kRowsBetweenMeasures = 512;
constexpr std::size_t kBytesBetweenMeasures = 1U << 20;
constexpr std::string_view kMalformed = "malformed";

/// Sets bits [*bits, until) of a bitmap that covers *bits.
void extend_with_ones(Buffer& bitmap, std::size_t& bits, std::size_t until) {
  bitmap.resize_zeroed((until + 7) / 8);
  while (bits < until) set_bit(bitmap.data(), bits++);
}

bool same_value(const ValueView& a, const ValueView& b) { return a.state == b.state && a.bytes == b.bytes; }
bool is_value(const ValueView& value) { return value.state == ValueState::text || value.state == ValueState::binary; }

}  // namespace

Misfit misfit_of(const ColumnSchema& column, const ColumnBuilder& builder) {
  return {"misfit", column.name, column.type->name, std::string(builder.misfit()), builder.misfit_fits_text()};
}

ChunkBuilder::ChunkBuilder(TableSchemaPtr schema) : schema_(std::move(schema)) {
  ENSURE(schema_ != nullptr, "a chunk needs a shape");
  const std::size_t columns = schema_->columns.size();
  builders_.reserve(columns);
  for (const ColumnSchema& column : schema_->columns) {
    ENSURE(column.type != nullptr, "a column needs its PostgreSQL type");
    builders_.push_back(make_column_builder(*column.type, column.typmod, column.value));
  }
  is_key_.resize(columns);
  for (const std::uint16_t key : schema_->key_columns) {
    ENSURE(key < columns, "a key column is one of the columns");
    is_key_[key] = true;
  }
  chunk_.schema = schema_;
  present_bits_.resize(columns);
  measure();
}

void ChunkBuilder::begin_transaction(Lsn commit_lsn, Xid xid, PgTimestamp commit_time) {
  transaction_ = {0, commit_lsn, xid, commit_time};
  run_open_ = false;
}

std::optional<Misfit> ChunkBuilder::append(const TableRow& row, std::uint64_t ordinal) {
  const std::size_t columns = builders_.size();
  const bool needs_after = row.op != RowOp::remove;
  if ((needs_after || !row.after.empty()) && row.after.size() != columns)
    return refuse_shape("the new tuple has another number of columns than the table");
  if ((row.old_tuple != OldTuple::none || !row.before.empty()) && row.before.size() != columns) {
    return refuse_shape("the old tuple has another number of columns than the table");
  }
  const std::uint32_t before = rows_;
  if (before == 0) reserve_as_before();
  std::optional<Misfit> misfit;
  switch (row.op) {
    case RowOp::insert: misfit = add_insert(row); break;
    case RowOp::update: misfit = add_update(row); break;
    case RowOp::remove: misfit = add_old(row, RowOp::remove); break;
    case RowOp::old_image: misfit = refuse_shape("an old image is not a change of its own"); break;
  }
  if (misfit) [[unlikely]] {
    roll_back(before);
    return misfit;
  }
  chunk_.ordinals.resize(rows_, ordinal);
  if (run_open_) {
    chunk_.runs.back().end_row = rows_;
  } else {
    chunk_.runs.push_back(transaction_);
    chunk_.runs.back().end_row = rows_;
    run_open_ = true;
  }
  return std::nullopt;
}

std::optional<Misfit> ChunkBuilder::append_copied(Values values) {
  ENSURE(chunk_.ops.empty(), "copied rows and streamed changes do not share a chunk");
  if (values.size() != builders_.size()) return refuse_shape("the copied row has another number of columns than the table");
  if (rows_ == 0) reserve_as_before();
  std::size_t incoming = 0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    const bool unchanged = values[i].state == ValueState::unchanged;
    if (unchanged || !builders_[i]->append(values[i])) [[unlikely]] {
      auto misfit = unchanged ? refuse(kMalformed, i, "a copied row carries no value") : refuse_value(i);
      roll_back(rows_);
      return misfit;
    }
    incoming += values[i].bytes.size();
  }
  ++rows_;
  count_bytes(incoming);
  return std::nullopt;
}

std::optional<Misfit> ChunkBuilder::add_insert(const TableRow& row) {
  std::size_t incoming = 0;
  for (std::size_t i = 0; i < builders_.size(); ++i) {
    const ValueView& value = row.after[i];
    if (value.state == ValueState::unchanged) [[unlikely]]
      return refuse("unchanged_insert", i, "an inserted row does not carry the value of a TOASTed column");
    if (!builders_[i]->append(value)) [[unlikely]]
      return refuse_value(i);
    incoming += value.bytes.size();
  }
  end_row(RowOp::insert);
  count_bytes(incoming);
  return std::nullopt;
}

std::optional<Misfit> ChunkBuilder::add_update(const TableRow& row) {
  if (schema_->keyless() || key_changed(row)) {
    if (auto misfit = add_old(row, RowOp::old_image)) return misfit;
  }
  std::size_t incoming = 0;
  for (std::size_t i = 0; i < builders_.size(); ++i) {
    const ValueView* value = &row.after[i];
    if (value->state == ValueState::unchanged) {
      // What is stored out of line is never NULL: a NULL there means that the old tuple does not carry the column after all.
      if (carries(row, i) && is_value(row.before[i])) value = &row.before[i];
      if (value->state == ValueState::unchanged) {
        if (is_key_[i] || schema_->keyless()) return refuse("no_identity", i, "an update does not carry the value that identifies its row");
        add_absent(i);
        continue;
      }
    }
    if (!builders_[i]->append(*value)) [[unlikely]]
      return refuse_value(i);
    incoming += value->bytes.size();
  }
  end_row(RowOp::update);
  count_bytes(incoming);
  return std::nullopt;
}

std::optional<Misfit> ChunkBuilder::add_old(const TableRow& row, RowOp op) {
  const bool keyless = schema_->keyless();
  if (row.old_tuple == OldTuple::none || (keyless && !is_whole(row))) {
    Misfit misfit{
        "no_identity", {}, {}, "an update or delete does not say which row it changes: the table has neither a key nor REPLICA IDENTITY FULL"};
    return misfit;
  }
  std::size_t incoming = 0;
  for (std::size_t i = 0; i < builders_.size(); ++i) {
    if (!keyless && !is_key_[i]) {
      add_absent(i);
      continue;
    }
    const ValueView& value = row.before[i];
    const bool carried = carries(row, i) && (keyless ? value.state != ValueState::unchanged : is_value(value));  // a key is never NULL
    if (!carried) return refuse("no_identity", i, "the old tuple does not carry the value that identifies its row");
    if (!builders_[i]->append(value)) [[unlikely]]
      return refuse_value(i);
    incoming += value.bytes.size();
  }
  end_row(op);
  count_bytes(incoming);
  return std::nullopt;
}

/// Of a partitioned table that is published through its root, the root's identity alone decides what an old tuple is called; what it
/// holds is up to the leaf's (proto.c, logicalrep_write_update; heapam.c, ExtractReplicaIdentity). The schema knows the lesser of the two.
bool ChunkBuilder::is_whole(const TableRow& row) const { return row.old_tuple == OldTuple::full && schema_->identity == ReplicaIdentity::full; }

/// A key tuple has values for the identity's columns only (proto.c, logicalrep_write_update, 'K').
bool ChunkBuilder::carries(const TableRow& row, std::size_t column) const {
  return is_whole(row) || (row.old_tuple != OldTuple::none && (schema_->columns[column].in_identity || is_key_[column]));
}

/// A key tuple is also sent when a key is stored out of line (heapam.c, ExtractReplicaIdentity), so its presence alone says nothing.
bool ChunkBuilder::key_changed(const TableRow& row) const {
  if (row.old_tuple == OldTuple::none) return false;
  return std::any_of(schema_->key_columns.begin(), schema_->key_columns.end(), [&](std::uint16_t key) {
    return row.after[key].state != ValueState::unchanged && !same_value(row.before[key], row.after[key]);
  });
}

void ChunkBuilder::add_absent(std::size_t column) {
  if (chunk_.present.empty()) chunk_.present.resize(builders_.size());
  extend_with_ones(chunk_.present[column], present_bits_[column], rows_ + 1U);
  clear_bit(chunk_.present[column].data(), rows_);
  builders_[column]->append_null();
}

void ChunkBuilder::end_row(RowOp op) {
  ENSURE(rows_ < UINT32_MAX, "a chunk counts its rows in 32 bits");
  chunk_.ops.push_back(op);
  ++rows_;
}

void ChunkBuilder::roll_back(std::uint32_t rows) {
  rows_ = rows;
  for (const auto& builder : builders_) {
    if (builder->length() > rows) builder->truncate(rows);
  }
  if (chunk_.ops.size() > rows) chunk_.ops.resize(rows);
  for (std::size_t i = 0; i < chunk_.present.size(); ++i) {
    if (present_bits_[i] <= rows) continue;
    Buffer& bits = chunk_.present[i];
    bits.resize((rows + 7U) / 8U);
    if ((rows & 7U) != 0) bits.data()[rows / 8U] = static_cast<std::uint8_t>(bits.data()[rows / 8U] & ((1U << (rows & 7U)) - 1U));
    present_bits_[i] = rows;
  }
  measure();
}

void ChunkBuilder::truncate_from(std::uint64_t ordinal) {
  if (!run_open_) return;
  // Ordinals start again with each transaction: only the open one's rows are candidates.
  const std::size_t first = chunk_.runs.size() == 1 ? 0 : chunk_.runs[chunk_.runs.size() - 2].end_row;
  const auto from = chunk_.ordinals.begin() + static_cast<std::ptrdiff_t>(first);
  const auto cut = std::lower_bound(from, chunk_.ordinals.end(), ordinal);
  if (cut == chunk_.ordinals.end()) return;
  const auto rows = static_cast<std::uint32_t>(cut - chunk_.ordinals.begin());
  chunk_.ordinals.erase(cut, chunk_.ordinals.end());
  if (rows == first) {
    chunk_.runs.pop_back();
    run_open_ = false;
  } else {
    chunk_.runs.back().end_row = rows;
  }
  roll_back(rows);
}

void ChunkBuilder::reserve_as_before() {
  if (rows_before_ == 0) return;
  for (const auto& builder : builders_) builder->reserve_as_before();
  chunk_.ops.reserve(ops_before_);
  chunk_.ordinals.reserve(ops_before_);
}

TableChunk ChunkBuilder::finish() {
  for (std::size_t i = 0; i < chunk_.present.size(); ++i) {
    if (!chunk_.present[i].empty()) extend_with_ones(chunk_.present[i], present_bits_[i], rows_);
  }
  chunk_.rows = rows_;
  chunk_.columns.reserve(builders_.size());
  for (const auto& builder : builders_) {
    ENSURE(builder->length() == rows_, "all columns of a chunk have as many values as it has rows");
    chunk_.columns.push_back(builder->finish());
  }
  rows_before_ = rows_;
  ops_before_ = chunk_.ops.size();
  TableChunk fresh;
  fresh.schema = schema_;
  TableChunk done = std::exchange(chunk_, std::move(fresh));
  std::fill(present_bits_.begin(), present_bits_.end(), 0);
  rows_ = 0;
  run_open_ = false;
  measure();
  return done;
}

void ChunkBuilder::count_bytes(std::size_t incoming) {
  // Roughly: what came in, an offset a column, the op and the ordinal.
  bytes_ += incoming + sizeof(std::int32_t) * builders_.size() + sizeof(RowOp) + sizeof(std::uint64_t);
  if (rows_ >= rows_to_measure_ || bytes_ >= bytes_to_measure_) measure();
}

void ChunkBuilder::measure() {
  bytes_ = rows_ * (chunk_.ops.empty() ? 0 : sizeof(RowOp) + sizeof(std::uint64_t));
  for (const auto& builder : builders_) bytes_ += builder->bytes();
  for (const Buffer& bits : chunk_.present) bytes_ += bits.size();
  rows_to_measure_ = rows_ + kRowsBetweenMeasures;
  bytes_to_measure_ = bytes_ + kBytesBetweenMeasures;
}

std::optional<Misfit> ChunkBuilder::refuse(std::string_view code, std::size_t column, std::string_view reason) const {
  const ColumnSchema& schema = schema_->columns[column];
  return Misfit{std::string(code), schema.name, schema.type->name, std::string(reason)};
}

std::optional<Misfit> ChunkBuilder::refuse_value(std::size_t column) const { return misfit_of(schema_->columns[column], *builders_[column]); }

std::optional<Misfit> ChunkBuilder::refuse_shape(std::string_view reason) const {
  return Misfit{std::string(kMalformed), {}, {}, std::string(reason)};
}

}  // namespace luge
