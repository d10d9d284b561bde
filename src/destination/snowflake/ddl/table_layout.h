#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "destination/snowflake/ddl/identifier.h"
#include "model/position.h"
#include "model/table_schema.h"

namespace luge {

/// A column of the source in Snowflake.
struct LayoutColumn {
  /// A name the column had in rows of the log before `until`: an old key is written under the names of its moment.
  struct FormerName {
    std::string name;
    Position until;
    friend bool operator==(const FormerName&, const FormerName&) = default;
  };

  std::int16_t attnum = 0;
  std::string name;
  std::string type;  ///< Snowflake's
  bool key = false;
  /// What rows older than the column hold, as an SQL expression; nullopt: NULL.
  std::optional<std::string> missing;
  bool missing_is_constant = false;  ///< `missing` may stand behind DEFAULT
  std::string source_type;           ///< PostgreSQL's, for messages
  /// Rows of the log before this do not carry the column, whatever _LUGE_PRESENT says (they were written before the column was added);
  /// nullopt: all rows carry it. Kept with the layout until the log has no such rows any more.
  std::optional<Position> born;
  std::vector<FormerName> former_names;  ///< oldest first
  friend bool operator==(const LayoutColumn&, const LayoutColumn&) = default;
};

/// One source table in Snowflake: two tables (or a table and a view) and their columns. The columns are the source's now; the tables
/// may hold more (dropped ones).
struct TableLayout {
  TablePlace place;
  std::vector<LayoutColumn> columns;
  bool soft_delete = false;  ///< "_LUGE_DELETED" instead of deleting

  bool keyless() const;
  std::string state() const;  ///< "SCHEMA"."ORDERS"
  std::string log() const;
  std::string copy(std::uint32_t attempt) const;
  /// "SCHEMA"."name"
  std::string qualified(std::string_view name) const;
  friend bool operator==(const TableLayout&, const TableLayout&) = default;
};

inline constexpr const char* kPositionColumn = "_LUGE_POSITION";
inline constexpr const char* kDeletedColumn = "_LUGE_DELETED";

struct LayoutOptions {
  std::string schema;  ///< SnowflakeOptions::schema
  bool keep_case = false;
  bool soft_delete = false;
};

/// Births and former names are empty: what the destination knows of earlier shapes it adds (evolve_layout).
Result<TableLayout> make_layout(const TableSchema& schema, const LayoutOptions& options);

/// `after` with what `before` and the change itself say about earlier rows: a column that `before` has not is born at `position` (that of
/// the first row of the new shape), a column with another name was called so until then.
TableLayout evolve_layout(const TableLayout& before, TableLayout after, const Position& position);
/// Forgets births and former names at or before `position`: no row of the log up to it will be folded again.
void forget_before(TableLayout& layout, const Position& position);

}  // namespace luge
