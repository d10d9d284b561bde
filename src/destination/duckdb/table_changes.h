#pragma once
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "destination/duckdb/duckdb_database.h"
#include "model/batch.h"
#include "model/table_record.h"

namespace luge {

/// One physical table (a mirror table, a log, or a copy's shadow) and the changes that wait for it. Changes are gathered as long as
/// their shape stays the same and applied together: the more of them, the more folds away. Inside the connection's transaction.
class TableChanges {
 public:
  TableChanges(TargetName target, TableSchemaPtr schema, bool log_mode)
      : target_(std::move(target)), schema_(std::move(schema)), log_mode_(log_mode) {}

  /// Takes rows, in order. If their shape is another one, what waits is applied and the table is altered first.
  Status add(DuckdbConnection& connection, Epoch epoch, TableChunk chunk);
  /// Takes the shape and name of `schema` without a row of it: what waits is applied, and the table is altered.
  Status reshape(DuckdbConnection& connection, const TableSchemaPtr& schema);
  /// Forgets what waits and deletes all rows; a log gets a row about it.
  Status truncate(DuckdbConnection& connection, const Truncate& truncate);
  /// Applies what waits.
  Status flush(DuckdbConnection& connection);

  /// Set when a change could not be applied: from then on everything is dropped, and the table must be quarantined.
  const std::optional<Quarantine>& stopped() const { return stopped_; }
  const TargetName& target() const { return target_; }
  void moved(TargetName target) { target_ = std::move(target); }
  /// The shape of the table now.
  const TableSchemaPtr& schema() const { return schema_; }

 private:
  Status alter(DuckdbConnection& connection, const TableSchemaPtr& schema);
  void stop(std::string code, std::string reason, Position position);

  TargetName target_;
  TableSchemaPtr schema_;
  const bool log_mode_;
  Epoch epoch_ = 0;
  std::vector<TableChunk> waiting_;
  std::optional<Quarantine> stopped_;
};

}  // namespace luge
