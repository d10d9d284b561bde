#pragma once
#include <cstdint>
#include <string>

#include "model/position.h"
#include "model/table_chunk.h"

namespace luge {

struct CopyNotes;
struct MirrorStore;

/// Looks at everything that a simulated destination takes in, and knows what only the source can tell. In a world this is the oracle.
class DestinationWatcher {
 public:
  virtual ~DestinationWatcher() = default;
  /// What no destination could take in.
  virtual void fail(std::string invariant, std::string what) = 0;
  /// What every destination passes over in silence, and a pipeline that knows where its destination is never does.
  virtual void needless(std::string invariant, std::string what) = 0;
  /// These rows belong to this transaction. False: something failed.
  virtual bool check_run(const TableChunk& chunk, std::uint32_t first_row, const TransactionRun& run, const CopyNotes& notes) = 0;
  virtual void destination_committed(const MirrorStore& store) = 0;
  /// The source's, of this moment: for CopyNotes and Shadow.
  virtual Xid next_xid() const = 0;
  virtual std::uint32_t course() const = 0;
};

}  // namespace luge
