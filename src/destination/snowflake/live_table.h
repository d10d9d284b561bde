#pragma once
#include <memory>
#include <optional>
#include <vector>

#include "destination/resync_command.h"
#include "destination/snowflake/actors/channel.h"
#include "destination/snowflake/ledger/table_entry.h"

namespace luge {

/// A table as the open destination handles it: ahead of what the ledger says by the batches that are under way.
struct LiveTable {
  TableEntry entry;
  std::vector<std::shared_ptr<Channel>> channels;  ///< by shard; made when the first row comes
  std::optional<Position> sent_through;            ///< the newest change handed to the actors in this opening
  Xid shape_xid = 0;                               ///< transaction of the first row in the layout's shape; 0: not of this opening
  bool changed = false;                            ///< since the batch began

  TableRecord& record() { return entry.record; }
  const TableRecord& record() const { return entry.record; }
};

/// Changes of these states go into the table.
inline bool takes_rows(TableState state) { return state == TableState::live || state == TableState::catching_up || state == TableState::resyncing; }

}  // namespace luge
