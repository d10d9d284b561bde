#include "batch/spool.h"

#include <algorithm>
#include <unordered_map>

#include "batch/open_transaction.h"

namespace luge {

struct Spool::Impl {
  explicit Impl(Options given) : options(std::move(given)), file(options.directory) {}

  const Options options;
  SpoolFile file;
  SpoolMemory memory;
  std::unordered_map<Xid32, std::unique_ptr<OpenTransaction>> transactions;  // after what it refers to

  OpenTransaction& transaction(Xid32 xid) {
    auto& open = transactions[xid];
    if (!open) open = std::make_unique<OpenTransaction>(xid, options, file, memory);
    return *open;
  }

  /// The largest first, until a quarter of the memory is free again: fewer, longer writes. Also where what must stay leaves little.
  Status make_room() {
    if (memory.total() < options.memory_bytes || memory.rows < options.memory_bytes / 4) return ok();
    std::vector<OpenTransaction::Spillable> candidates;
    for (auto& [xid, open] : transactions) open->list_spillable(candidates);
    std::sort(candidates.begin(), candidates.end(), [](const auto& a, const auto& b) { return a.bytes > b.bytes; });
    for (const OpenTransaction::Spillable& candidate : candidates) {
      if (memory.total() <= options.memory_bytes / 4 * 3) break;
      CHECK_OK(candidate.transaction->spill(candidate));
    }
    return ok();
  }
};

namespace {

class TransactionReader final : public Spool::Reader {
 public:
  TransactionReader(std::unique_ptr<OpenTransaction> transaction, const TransactionRun& facts)
      : transaction_(std::move(transaction)), facts_(facts) {}

  Result<std::optional<SpoolItem>> next() override {
    std::optional<SpoolItem> item;
    if (!transaction_) return item;
    TRY(item, transaction_->take_next(facts_));
    if (!item) transaction_.reset();
    return item;
  }

 private:
  std::unique_ptr<OpenTransaction> transaction_;
  TransactionRun facts_;
};

}  // namespace

Spool::Spool(Options options) : impl_(std::make_unique<Impl>(std::move(options))) {}
Spool::~Spool() = default;

// Room is made before a row is taken, so that after an error the same call may be repeated.
Status Spool::append(Xid32 xid, Xid32 subxid, const TableSchemaPtr& schema, const TableRow& row) {
  CHECK_OK(impl_->make_room());
  return impl_->transaction(xid).append(subxid, schema, row);
}

Status Spool::truncate(Xid32 xid, Xid32 subxid, RelationOid oid) { return impl_->transaction(xid).truncate(subxid, oid); }

Status Spool::count(Xid32 xid, Xid32 subxid) { return impl_->transaction(xid).count(subxid); }

Status Spool::abort(Xid32 xid, Xid32 subxid) {
  const auto found = impl_->transactions.find(xid);
  if (found == impl_->transactions.end()) return ok();
  if (subxid != xid) return found->second->abort_subtransaction(subxid);
  impl_->transactions.erase(found);
  return ok();
}

void Spool::clear() { impl_->transactions.clear(); }

std::unique_ptr<Spool::Reader> Spool::commit(Xid32 xid, Lsn commit_lsn, Xid full_xid, PgTimestamp commit_time) {
  std::unique_ptr<OpenTransaction> transaction;
  if (auto node = impl_->transactions.extract(xid)) {
    transaction = std::move(node.mapped());
    transaction->close();
  }
  return std::make_unique<TransactionReader>(std::move(transaction), TransactionRun{0, commit_lsn, full_xid, commit_time});
}

std::size_t Spool::memory_bytes() const { return impl_->memory.total(); }
std::size_t Spool::file_bytes() const { return impl_->file.bytes(); }
std::size_t Spool::open_transactions() const { return impl_->transactions.size(); }

}  // namespace luge
