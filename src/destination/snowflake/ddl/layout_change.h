#pragma once
#include <optional>
#include <string>
#include <vector>

#include "destination/snowflake/ddl/table_layout.h"

namespace luge {

/// A column as Snowflake has it (DESCRIBE TABLE: name, type).
struct ActualColumn {
  std::string name;
  std::string type;
};
using ActualColumns = std::vector<ActualColumn>;

/// DESCRIBE TABLE runs without a warehouse; its first two columns are name and type. "002003": there is no such table.
std::string describe_sql(const std::string& qualified_table);

/// What a type can be turned into by SET DATA TYPE: Snowflake widens a VARCHAR's length and a NUMBER's precision, nothing else.
enum class TypeFit : char {
  holds,   ///< every value of the wanted type
  widens,  ///< after SET DATA TYPE
  other,
};
TypeFit fit_of(const std::string& actual, const std::string& wanted);

/// What brings the tables from where they are to a layout. Nothing is done twice: what is already there is left alone.
struct LayoutChange {
  std::vector<std::string> statements;  ///< in order
  /// Set, with the reason: current state cannot get there (a column's type is another one; columns took over each other's names). It needs
  /// a new copy, which starts behind what is in the log. The log itself goes on once `statements` have run.
  std::optional<std::string> needs_copy;
};

/// The log, from what it is. `before`: the layout it had, for renames (by attnum); nullptr: names are as wanted. Additive: a dropped
/// column stays; one that changed its type is kept as NAME__OLD_1 (2, …) beside a new one. `actual` nullptr: there is no table.
LayoutChange change_log(const TableLayout* before, const TableLayout& wanted, const ActualColumns* actual);

/// The state table. Columns that `before` has and `wanted` has not are dropped; new ones get what older rows hold.
/// Run it while no MERGE carries the new columns yet: with the table out of the schedule.
LayoutChange change_state(const TableLayout* before, const TableLayout& wanted, const ActualColumns* actual);

}  // namespace luge
