#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "destination/snowflake/ddl/table_layout.h"

namespace luge {

/// Statements for luge's tables, without ";". Snowflake's DDL commits by itself, so each is harmless when it is repeated, unless it says otherwise.

/// CREATE SCHEMA IF NOT EXISTS.
std::string create_schema_sql(const TableLayout& layout);
/// Whose tables they are, as their comments say it: the pipeline and its mirror.
struct TableOwner {
  std::string pipeline;
  std::string uuid;
};
/// The comment of a log, and of a state table that was never copied.
std::string owner_mark(const TableOwner& owner);
/// A comment that luge wrote, for whichever pipeline.
bool is_luge_mark(std::string_view comment);
/// This owner's own, of whatever table.
bool is_mark_of(std::string_view comment, const TableOwner& owner);
/// 'pipeline "shop"', for messages; what another luge wrote names its owner.
std::string owner_of_mark(std::string_view comment);

/// kLogColumns, then the source's columns, all nullable. `mark`: its comment; empty: none.
std::string create_log_sql(const TableLayout& layout, const std::string& mark = "");
/// The source's columns, "_LUGE_POSITION", with soft delete "_LUGE_DELETED". Nothing is NOT NULL: rows arrive before all of their columns may.
std::string create_state_sql(const TableLayout& layout, const std::string& mark = "");
/// Rows that Snowflake refuses are kept and can be asked for. Best effort: a role may lack the right, an edition the feature.
std::string log_errors_sql(const TableLayout& layout);

enum class CopyShape : char {
  state,  ///< becomes the state table
  log,    ///< is inserted into the log
};
/// A comment that tells this copy from the table it replaces: that may be an earlier table's of the same name, or an earlier life's of luge,
/// so the number of the attempt is not enough.
std::string copy_mark(const TableOwner& owner, std::uint32_t oid, std::uint32_t epoch, std::uint32_t attempt);
/// A fresh, empty table for one attempt: what an earlier process left of it goes.
std::string create_copy_sql(const TableLayout& layout, std::uint32_t attempt, const std::string& mark, CopyShape shape);

std::string drop_copy_sql(const TableLayout& layout, std::uint32_t attempt);
std::vector<std::string> drop_tables_sql(const TableLayout& layout);

/// SHOW TABLES of the schema that may be the layout's, without a warehouse: the pattern matches more, so compare the names.
std::string show_tables_sql(const TableLayout& layout);

/// Asks which of the two stand, and what their comments are: the rows for place_copy_step. Needs no warehouse that is awake for long.
std::string find_copy_sql(const TableLayout& layout, std::uint32_t attempt);
struct FoundTable {
  std::string name;
  std::string comment;
};

/// What is next on a finished copy's way into its place.
struct CopyPlacing {
  enum class Kind : char {
    step,    ///< carry out `statement`, and look again
    placed,  ///< the copy is the state table, and nothing bears the copy's name
    lost,    ///< neither table is this copy
  };
  Kind kind = Kind::step;
  std::string statement;
};
/// Puts a finished copy (CopyShape::state, `mark` its comment) in the state table's place: by renaming it if there is none yet, else by
/// SWAP WITH and dropping the old one, so that readers always find a table. `found`: the answer to find_copy_sql, asked just now. A swap
/// carried out twice is none: it must not be repeated without looking.
/// Privileges are swapped with the tables: those of readers come from GRANT … ON FUTURE TABLES.
CopyPlacing place_copy_step(const TableLayout& layout, std::uint32_t attempt, const std::string& mark, const std::vector<FoundTable>& found);

}  // namespace luge
