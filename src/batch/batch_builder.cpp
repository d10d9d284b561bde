#include "batch/batch_builder.h"

#include <utility>

namespace luge {

void BatchBuilder::begin_transaction(Lsn commit_lsn, Xid xid, PgTimestamp commit_time) {
  ++transaction_;
  commit_lsn_ = commit_lsn;
  xid_ = xid;
  commit_time_ = commit_time;
}

std::optional<Misfit> BatchBuilder::append(const TableSchemaPtr& schema, const Route& route, const TableRow& row, std::uint64_t ordinal) {
  if (last_ == nullptr || last_oid_ != row.relation) {
    last_ = &open_[row.relation];
    last_oid_ = row.relation;
  }
  Open& open = *last_;
  if (!open.builder || open.builder->schema() != schema || !(open.route == route)) {
    close(open);
    if (!open.builder || open.builder->schema() != schema) {
      open.builder = std::make_unique<ChunkBuilder>(schema);
      open.transaction = 0;
    }
    open.route = route;
  }
  if (open.transaction != transaction_) {
    open.builder->begin_transaction(commit_lsn_, xid_, commit_time_);
    open.transaction = transaction_;
  }
  const std::size_t bytes_before = open.builder->bytes();
  std::optional<Misfit> misfit = open.builder->append(row, ordinal);
  if (misfit) return misfit;
  const std::size_t added = open.builder->bytes() - bytes_before;
  open.bytes += added;
  bytes_ += added;
  ++rows_;
  return std::nullopt;
}

void BatchBuilder::append_chunk(TableChunk chunk, const Route& route) {
  if (auto found = open_.find(chunk.schema->oid); found != open_.end()) close(found->second);
  rows_ += chunk.rows;
  bytes_ += chunk.bytes();
  ops_.emplace_back(Rows{route, std::move(chunk)});
}

void BatchBuilder::append_op(RelationOid oid, BatchOp op) {
  if (oid == 0) {
    for (auto& [unused, open] : open_) close(open);
  } else if (auto found = open_.find(oid); found != open_.end()) {
    close(found->second);
  }
  ops_.push_back(std::move(op));
}

void BatchBuilder::close(Open& open) {
  if (!open.builder || open.builder->rows() == 0) return;
  ops_.emplace_back(Rows{open.route, open.builder->finish()});
  open.bytes = 0;
}

std::vector<BatchOp> BatchBuilder::take() {
  for (auto& [unused, open] : open_) close(open);
  rows_ = 0;
  bytes_ = 0;
  return std::exchange(ops_, {});
}

void BatchBuilder::clear() {
  open_.clear();
  last_ = nullptr;
  last_oid_ = 0;
  ops_.clear();
  rows_ = 0;
  bytes_ = 0;
}

}  // namespace luge
