#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "destination/snowflake/actors/channel_progress.h"
#include "destination/snowflake/ddl/table_layout.h"
#include "model/checkpoint.h"
#include "model/table_record.h"

namespace luge {

/// From where MERGE folds a table's log into its current state.
struct FoldPlan {
  bool active = false;                  ///< the state table is there and follows
  Position floor;                       ///< rows at or before it are in the copy, or belong to an older one
  std::optional<Snapshot> snapshot;     ///< of the copy: rows at or before `limit` that it sees are in it
  Position limit;
  std::optional<Position> last;         ///< of a table that has stopped: what is folded yet ends here
  std::vector<Position> truncates;      ///< of rows that may not be folded yet, ascending
  std::vector<Position> lone_key_changes;  ///< key changes with absent values
  friend bool operator==(const FoldPlan&, const FoldPlan&) = default;
};

/// What the ledger knows of a table, durable together with the checkpoint.
struct TableEntry {
  TableRecord record;
  TableLayout layout;              ///< of the log, and of the state table once `fold.active`
  bool has_log = false;            ///< `layout` is meant: the log is there
  std::uint32_t generation = 1;    ///< of its channels: counts up when shards or keys change
  std::uint16_t shards = 1;
  Position generation_floor;       ///< rows at or before it went through older generations
  FoldPlan fold;
  std::vector<Xid> early_truncates;  ///< transactions of TRUNCATEs that came while there was no log: they are meant for the copy
};

std::string encode_table_entry(const TableEntry& entry);
Result<TableEntry> decode_table_entry(std::string_view json);

/// The destination's own facts.
struct MetaEntry {
  std::string uuid;
  Checkpoint checkpoint;
  bool settled = false;  ///< closed in peace: nothing lies behind the checkpoint, and all before it is merged
  bool log_mode = false;
  std::string current_state = "merge";
};
std::string encode_meta_entry(const MetaEntry& entry);
Result<MetaEntry> decode_meta_entry(std::string_view json);

std::string encode_channel_mark(const ChannelMark& mark);
Result<ChannelMark> decode_channel_mark(std::string_view json);

inline constexpr std::string_view kMetaKey = "meta";
inline constexpr std::string_view kCatalogKey = "catalog";
inline constexpr std::string_view kTablePrefix = "table/";
inline constexpr std::string_view kChannelPrefix = "channel/";

}  // namespace luge
