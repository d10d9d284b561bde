#pragma once
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "destination/duckdb/duckdb_database.h"
#include "model/batch.h"
#include "model/table_record.h"

namespace luge {

/// The changes that wait for one physical table (a mirror table, a log, or a copy's shadow). Changes are gathered as long as their
/// shape stays the same and applied together: the more of them, the more folds away. Inside the connection's transaction.
/// `target` is where the table stands at the moment of the call. It is not kept: a table may have to make room for another one of
/// its name while changes wait for it.
class TableChanges {
 public:
  TableChanges(TableSchemaPtr schema, bool log_mode) : schema_(std::move(schema)), log_mode_(log_mode) {}

  /// Takes rows, in order. If their shape is another one, what waits is applied and the table is altered first.
  Status add(DuckdbConnection& connection, const TargetName& target, Epoch epoch, TableChunk chunk);
  /// Takes the shape and name of `schema` without a row of it: what waits is applied, and the table is altered. `anew`: see
  /// plan_shape_change().
  Status reshape(DuckdbConnection& connection, const TargetName& target, const TableSchemaPtr& schema, std::optional<Attempt> anew = std::nullopt);
  /// Forgets what waits and deletes all rows; a log gets a row about it.
  Status truncate(DuckdbConnection& connection, const TargetName& target, const Truncate& truncate);
  /// Applies what waits.
  Status flush(DuckdbConnection& connection, const TargetName& target);

  /// Set when a change could not be applied: from then on everything is dropped, and the table must be quarantined.
  const std::optional<Quarantine>& stopped() const { return stopped_; }
  /// The shape of the table now.
  const TableSchemaPtr& schema() const { return schema_; }

 private:
  Status alter(DuckdbConnection& connection, const TargetName& target, const TableSchemaPtr& schema, std::optional<Attempt> anew = std::nullopt);
  void stop(std::string code, std::string reason, Position position);

  TableSchemaPtr schema_;
  const bool log_mode_;
  Epoch epoch_ = 0;
  std::vector<TableChunk> waiting_;
  std::optional<Quarantine> stopped_;
};

}  // namespace luge
