#include "batch/open_transaction.h"

#include <algorithm>

#include "model/chunk_codec.h"

namespace luge {

OpenTransaction::~OpenTransaction() {
  for (auto& [oid, table] : tables_) memory_.rows -= table.counted_bytes;
  for (std::size_t i = next_piece_; i < pieces_.size(); ++i) release(pieces_[i]);
  memory_.notes -= counted_notes_;
}

Status OpenTransaction::begin_subtransaction(Xid32 subxid) {
  CHECK_OK(subtransactions_.begin(subxid, next_ordinal_));
  recount_notes();
  return ok();
}

OpenTransaction::Table& OpenTransaction::table_of(RelationOid oid) {
  if (last_table_ == nullptr || last_oid_ != oid) {
    last_table_ = &tables_[oid];
    last_oid_ = oid;
  }
  return *last_table_;
}

Status OpenTransaction::count(Xid32 subxid) {
  if (subtransactions_.is_new(subxid)) [[unlikely]]
    CHECK_OK(begin_subtransaction(subxid));
  ++next_ordinal_;
  return ok();
}

Status OpenTransaction::append(Xid32 subxid, const TableSchemaPtr& schema, const TableRow& row) {
  if (subtransactions_.is_new(subxid)) [[unlikely]]
    CHECK_OK(begin_subtransaction(subxid));
  const std::uint64_t ordinal = next_ordinal_++;
  const RelationOid oid = schema->oid;
  Table& table = table_of(oid);
  if (table.misfit) return ok();
  if (!table.builder || table.builder->schema() != schema) {
    if (table.builder) seal(oid, table);
    table.builder = std::make_unique<ChunkBuilder>(schema);
    table.builder->begin_transaction({}, 0, {});
    recount(table);
  }
  if (table.builder->rows() == 0) table.first_ordinal = ordinal;
  if (auto misfit = table.builder->append(row, ordinal)) [[unlikely]] {
    seal(oid, table);
    table.misfit = ordinal;
    SpoolPiece piece;
    piece.oid = oid;
    piece.first_ordinal = ordinal;
    piece.misfit = std::make_unique<SpooledMisfit>(SpooledMisfit{oid, schema->name, ordinal, *std::move(misfit)});
    add_piece(std::move(piece));
    return ok();
  }
  recount(table);
  if (table.builder->rows() >= options_.chunk_rows || table.counted_bytes >= options_.chunk_bytes) seal(oid, table);
  return ok();
}

Status OpenTransaction::truncate(Xid32 subxid, RelationOid oid) {
  if (subtransactions_.is_new(subxid)) [[unlikely]]
    CHECK_OK(begin_subtransaction(subxid));
  const std::uint64_t ordinal = next_ordinal_++;
  Table& table = table_of(oid);
  if (table.misfit) return ok();
  seal(oid, table);
  SpoolPiece piece;
  piece.oid = oid;
  piece.first_ordinal = ordinal;
  add_piece(std::move(piece));
  return ok();
}

Status OpenTransaction::abort_subtransaction(Xid32 subxid) {
  TRY(const std::optional<std::uint64_t> first, subtransactions_.abort(subxid));
  if (first) cut(*first);
  recount_notes();
  return ok();
}

void OpenTransaction::cut(std::uint64_t ordinal) {
  for (auto& [oid, table] : tables_) {
    if (table.misfit && *table.misfit >= ordinal) table.misfit.reset();
    if (!table.builder) continue;
    table.builder->truncate_from(ordinal);
    recount(table);
  }
  // Only pieces at the end reach as far as that: a loop of subtransactions that fail does not look at all pieces each time.
  auto first = pieces_.end();
  while (first != pieces_.begin() && std::prev(first)->end_ordinal > ordinal) --first;
  pieces_.erase(std::remove_if(first, pieces_.end(), [&](SpoolPiece& piece) { return !cut(piece, ordinal); }), pieces_.end());
  next_ordinal_ = ordinal;
}

/// False: nothing of the piece is left.
bool OpenTransaction::cut(SpoolPiece& piece, std::uint64_t ordinal) {
  if (piece.first_ordinal >= ordinal) {
    release(piece);
    return false;
  }
  piece.end_ordinal = ordinal;
  if (piece.chunk && piece.chunk->ordinals.back() >= ordinal) {
    const auto& ordinals = piece.chunk->ordinals;
    piece.chunk->truncate(static_cast<std::uint32_t>(std::lower_bound(ordinals.begin(), ordinals.end(), ordinal) - ordinals.begin()));
    memory_.rows -= piece.bytes;
    piece.bytes = piece.chunk->bytes();
    memory_.rows += piece.bytes;
  }
  return true;
}

void OpenTransaction::recount(Table& table) {
  const std::size_t now = table.builder->rows() == 0 ? 0 : table.builder->bytes();
  memory_.rows += now - table.counted_bytes;
  table.counted_bytes = now;
}

void OpenTransaction::recount_notes() {
  const std::size_t now = subtransactions_.memory_bytes() + pieces_.capacity() * sizeof(SpoolPiece);
  memory_.notes += now - counted_notes_;
  counted_notes_ = now;
}

void OpenTransaction::add_piece(SpoolPiece piece) {
  piece.end_ordinal = next_ordinal_;
  pieces_.push_back(std::move(piece));
  recount_notes();
}

std::size_t OpenTransaction::seal(RelationOid oid, Table& table) {
  if (!table.builder || table.builder->rows() == 0) return kOpen;
  SpoolPiece piece;
  piece.oid = oid;
  piece.first_ordinal = table.first_ordinal;
  piece.schema = table.builder->schema();
  piece.chunk = table.builder->finish();
  piece.bytes = piece.chunk->bytes();
  recount(table);
  memory_.rows += piece.bytes;
  add_piece(std::move(piece));
  return pieces_.size() - 1;
}

void OpenTransaction::release(SpoolPiece& piece) {
  memory_.rows -= piece.bytes;
  piece.bytes = 0;
  piece.chunk.reset();
  if (piece.extent) file_.free(*piece.extent);
  piece.extent.reset();
}

void OpenTransaction::list_spillable(std::vector<Spillable>& out) {
  for (auto& [oid, table] : tables_) {
    if (table.counted_bytes > 0) out.push_back({this, oid, kOpen, table.counted_bytes});
  }
  for (std::size_t i = next_piece_; i < pieces_.size(); ++i) {
    if (pieces_[i].chunk) out.push_back({this, pieces_[i].oid, i, pieces_[i].bytes});
  }
}

Status OpenTransaction::spill(const Spillable& what) {
  const std::size_t index = what.piece == kOpen ? seal(what.oid, tables_.at(what.oid)) : what.piece;
  if (index == kOpen) return ok();
  SpoolPiece& piece = pieces_[index];
  Buffer bytes;
  encode_chunk(*piece.chunk, bytes);
  TRY(piece.extent, file_.write(bytes));
  memory_.rows -= piece.bytes;
  piece.bytes = 0;
  piece.chunk.reset();
  return ok();
}

void OpenTransaction::close() {
  for (auto& [oid, table] : tables_) seal(oid, table);
  last_table_ = nullptr;
  tables_.clear();
  subtransactions_.clear();
  recount_notes();
  std::stable_sort(pieces_.begin(), pieces_.end(), [](const SpoolPiece& a, const SpoolPiece& b) { return a.first_ordinal < b.first_ordinal; });
}

Result<std::optional<SpoolItem>> OpenTransaction::take_next(const TransactionRun& facts) {
  std::optional<SpoolItem> item;
  if (next_piece_ == pieces_.size()) return item;
  SpoolPiece& piece = pieces_[next_piece_];
  if (piece.misfit) {
    item = std::move(*piece.misfit);
  } else if (!piece.chunk && !piece.extent) {
    item = SpooledTruncate{piece.oid, piece.first_ordinal};
  } else {
    if (piece.extent) {
      TRY(const Buffer bytes, file_.read(*piece.extent));
      TRY(piece.chunk, decode_chunk({reinterpret_cast<const char*>(bytes.data()), bytes.size()}));
      piece.chunk->schema = piece.schema;
      const auto& ordinals = piece.chunk->ordinals;
      piece.chunk->truncate(static_cast<std::uint32_t>(std::lower_bound(ordinals.begin(), ordinals.end(), piece.end_ordinal) - ordinals.begin()));
    }
    TableChunk chunk = *std::move(piece.chunk);
    chunk.runs = {facts};
    chunk.runs.front().end_row = chunk.rows;
    item = std::move(chunk);
  }
  release(piece);
  ++next_piece_;
  return item;
}

}  // namespace luge
