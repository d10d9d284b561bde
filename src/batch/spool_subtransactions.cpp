#include "batch/spool_subtransactions.h"

#include <algorithm>
#include <cstring>

namespace luge {

Status SpoolSubtransactions::begin(Xid32 subxid, std::uint64_t ordinal) {
  if (recent_.size() >= 2 * block_entries_) CHECK_OK(write_block());
  recent_.push_back({ordinal, subxid});
  latest_ = subxid;
  return ok();
}

// The newer half stays: a transaction that begins and aborts around a block's edge does not move the block each time.
Status SpoolSubtransactions::write_block() {
  Buffer bytes;
  bytes.append(recent_.data(), block_entries_ * sizeof(Beginning));
  TRY(const SpoolFile::Extent extent, file_.write(bytes));
  blocks_.push_back({extent.offset, recent_.front()});
  recent_.erase(recent_.begin(), recent_.begin() + static_cast<std::ptrdiff_t>(block_entries_));
  return ok();
}

Result<std::vector<SpoolSubtransactions::Beginning>> SpoolSubtransactions::read_block(const Block& block) const {
  TRY(const Buffer bytes, file_.read(extent_of(block)));
  std::vector<Beginning> beginnings;
  beginnings.reserve(2 * block_entries_);
  beginnings.resize(block_entries_);
  std::memcpy(beginnings.data(), bytes.data(), bytes.size());
  return beginnings;
}

Result<std::optional<std::uint64_t>> SpoolSubtransactions::abort(Xid32 subxid) {
  std::optional<std::uint64_t> ordinal;
  if (recent_.empty() || earlier(latest_, subxid)) return ordinal;
  if (!earlier(recent_.front().subxid, subxid)) {
    // All recent ones go, and perhaps whole blocks. The block before them, if there is one, becomes the recent ones.
    const auto gone = std::partition_point(blocks_.begin(), blocks_.end(), [&](const Block& block) { return earlier(block.first.subxid, subxid); });
    ordinal = gone == blocks_.end() ? recent_.front().ordinal : gone->first.ordinal;
    auto end = gone;
    if (gone == blocks_.begin()) {
      recent_.clear();
    } else {
      TRY(recent_, read_block(*--end));
    }
    std::for_each(end, blocks_.end(), [&](const Block& block) { file_.free(extent_of(block)); });
    blocks_.erase(end, blocks_.end());
  }
  const auto first = std::partition_point(recent_.begin(), recent_.end(), [&](const Beginning& b) { return earlier(b.subxid, subxid); });
  if (first != recent_.end()) ordinal = first->ordinal;
  recent_.erase(first, recent_.end());
  latest_ = recent_.empty() ? xid_ : recent_.back().subxid;
  return ordinal;
}

void SpoolSubtransactions::clear() {
  for (const Block& block : blocks_) file_.free(extent_of(block));
  blocks_ = {};
  recent_ = {};
  latest_ = xid_;
}

}  // namespace luge
