#pragma once
#include <cstdint>
#include <optional>
#include <vector>

#include "base/result.h"
#include "batch/spool_file.h"
#include "model/position.h"

namespace luge {

/// Where the subtransactions of one open transaction begin, so that a Stream Abort finds what to take back. The last few thousand are in
/// memory, older ones in the spool file in blocks; what stays in memory of a block is 24 bytes. Single thread.
///
/// A subtransaction gets its xid after its parent got one (xact.c, AssignTransactionId) and after everything that ended before it began, and
/// it is open until it aborts, or until what it was released into aborts. So what goes with it is what was written under its xid or a later
/// one, and that is an end of the transaction so far. Beginnings are therefore kept in the order of xids and ordinals at once; one that
/// comes later but has an earlier xid (its children wrote first) adds nothing: whatever takes it back takes back those children too, each
/// of which is named by a Stream Abort of its own (decode.c, DecodeAbort).
class SpoolSubtransactions {
 public:
  /// `xid`: the top-level transaction's. `block_entries`: beginnings in a block of the file; up to twice as many are in memory.
  SpoolSubtransactions(SpoolFile& file, Xid32 xid, std::size_t block_entries) : file_(file), block_entries_(block_entries), xid_(xid), latest_(xid) {}
  ~SpoolSubtransactions() { clear(); }
  SpoolSubtransactions(const SpoolSubtransactions&) = delete;
  SpoolSubtransactions& operator=(const SpoolSubtransactions&) = delete;

  /// True if a change under `subxid` begins what is not known yet. Asked for every row.
  bool is_new(Xid32 subxid) const { return earlier(latest_, subxid); }
  /// A new one's first change has `ordinal`, the highest so far. After an error nothing has happened.
  Status begin(Xid32 subxid, std::uint64_t ordinal);
  /// Forgets the subtransaction and all that began after it. Returns the ordinal at which they began; nullopt: nothing was written.
  /// After an error nothing has happened.
  Result<std::optional<std::uint64_t>> abort(Xid32 subxid);
  /// Forgets everything.
  void clear();

  std::size_t memory_bytes() const { return recent_.capacity() * sizeof(Beginning) + blocks_.capacity() * sizeof(Block); }

 private:
  struct Beginning {
    std::uint64_t ordinal = 0;
    Xid32 subxid = 0;
    std::uint32_t zero = 0;  ///< what would be padding: these bytes go to a file
  };
  struct Block {
    std::uint64_t offset = 0;  ///< in the file
    Beginning first;
  };

  /// TransactionIdPrecedes (transam.c).
  static bool earlier(Xid32 a, Xid32 b) { return static_cast<std::int32_t>(a - b) < 0; }
  SpoolFile::Extent extent_of(const Block& block) const { return {block.offset, block_entries_ * sizeof(Beginning)}; }
  Status write_block();
  Result<std::vector<Beginning>> read_block(const Block& block) const;

  SpoolFile& file_;
  const std::size_t block_entries_;
  const Xid32 xid_;
  Xid32 latest_;                   ///< the last beginning's subxid; xid_ if there is none
  std::vector<Block> blocks_;      ///< the older ones, in the file
  std::vector<Beginning> recent_;  ///< not empty if there is a block
};

}  // namespace luge
