#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "model/position.h"
#include "model/snapshot.h"
#include "model/table_chunk.h"
#include "model/table_schema.h"

namespace luge {

enum class TableState : std::uint8_t {
  waiting,      ///< known; its changes are kept pending; the copy has not read yet
  copying,      ///< the first copy reads
  catching_up,  ///< copied and swapped in; changes visible in the copy's snapshot are still filtered
  live,
  quarantined,  ///< stopped at its first bad position; other tables go on
  gap,          ///< changes are known to be missing: shown by `status` while a gap keeps the pipeline from going on
  resyncing,    ///< live data stays readable while a new copy fills a shadow
  dropped,      ///< left the source, the publication or the selection; destination kept
};
std::string_view to_string(TableState state);
std::optional<TableState> parse_table_state(std::string_view text);
/// It has rows that follow the source: the changes of a gap are missing from them.
constexpr bool goes_on(TableState state) { return state == TableState::live || state == TableState::catching_up || state == TableState::resyncing; }

/// Quarantine::code of a table whose rows have a type that what stands in the destination cannot become: a new copy heals it, unasked.
inline constexpr std::string_view kTypeChanged = "type_changed";

/// Why a table stopped. Names and types, never values.
struct Quarantine {
  std::string code;    ///< stable word: "misfit", "divergence", "unchanged_insert", "no_identity", ...
  std::string reason;  ///< one sentence
  std::string column;  ///< may be empty
  std::string type;    ///< PostgreSQL type of the column; may be empty
  Position position;   ///< first bad change
  std::string fix;     ///< the command or option that helps
};

/// Durable facts of one table, kept by the destination (and shown by status).
struct TableRecord {
  RelationOid oid = 0;
  TableName name;
  TableState state = TableState::waiting;
  Attempt attempt = 0;
  TableSchemaPtr schema;              ///< shape of the destination's table; null before the first copy
  std::optional<Snapshot> snapshot;   ///< catching_up: what the copy saw
  std::optional<Quarantine> quarantine;
  std::uint32_t file_node = 0;        ///< fingerprint: relfilenode at the copy

  /// Its state once its copy is begun again.
  TableState restarted() const { return schema ? TableState::resyncing : TableState::waiting; }
  /// To be copied again, under the next attempt. What the destination has of it stays readable until then.
  void begin_again();
};

}  // namespace luge
