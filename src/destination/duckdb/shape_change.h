#pragma once
#include <optional>
#include <string>
#include <vector>

#include "destination/resync_command.h"
#include "model/table_record.h"
#include "model/table_schema.h"

namespace luge {

/// What turns a table of one shape into another without touching its rows more than needed.
struct ShapePlan {
  std::vector<std::string> actions;      ///< each the part of "ALTER TABLE … <action>" after the table's name, in order
  std::optional<Quarantine> refused;     ///< set: the change cannot be made in place; actions are empty
};

/// Pure. Columns are the same when their attnum is. A dropped column goes (`log`: it stays as <name>__dropped_<attnum>), a new one
/// comes last and older rows read as its missing_value, a renamed one is renamed (names may be swapped), a type changes only where
/// every value stays what it is. `anew`: all rows follow once more, by this copy. Then a log takes any type: the column with the old
/// values stays as <name>__retyped_<attempt>.
ShapePlan plan_shape_change(const TableSchema& from, const TableSchema& to, bool log, std::optional<Attempt> anew = std::nullopt);

/// Why a table cannot be mirrored at all: no columns, or names that DuckDB takes for one. `log`: luge's own columns count too.
std::optional<Quarantine> unfit_shape(const TableSchema& schema, bool log);

}  // namespace luge
