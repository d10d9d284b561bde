#include "destination/snowflake/ddl/layout_change.h"

#include <algorithm>
#include <charconv>

#include "destination/snowflake/ddl/table_ddl.h"
#include "destination/snowflake/encode/log_columns.h"

namespace luge {

namespace {

constexpr int kLongestVarchar = 16'777'216;  // VARCHAR without a length
constexpr int kLongestBinary = 8'388'608;

struct ParsedType {
  std::string name;
  int first = -1;
  int second = -1;
};

ParsedType parse_type(const std::string& text) {
  ParsedType type;
  const std::size_t open = text.find('(');
  type.name = text.substr(0, open);
  if (open != std::string::npos) {
    const char* end = text.data() + text.size();
    const auto first = std::from_chars(text.data() + open + 1, end, type.first);
    if (first.ptr != end && *first.ptr == ',') std::from_chars(first.ptr + 1, end, type.second);
  }
  if (type.name == "TEXT" || type.name == "STRING") type.name = "VARCHAR";
  if (type.name == "VARCHAR" && type.first < 0) type.first = kLongestVarchar;
  if (type.name == "BINARY" && type.first < 0) type.first = kLongestBinary;
  if (type.name == "NUMBER" && type.first < 0) type = {"NUMBER", 38, 0};
  if ((type.name == "TIME" || type.name.starts_with("TIMESTAMP_")) && type.first < 0) type.first = 9;
  return type;
}

/// The table's columns while statements are being put together.
class Columns {
 public:
  explicit Columns(const ActualColumns& actual) : columns_(actual) {}

  ActualColumn* find(const std::string& name) {
    const auto found = std::find_if(columns_.begin(), columns_.end(), [&](const ActualColumn& column) { return column.name == name; });
    return found == columns_.end() ? nullptr : &*found;
  }
  void add(const std::string& name, const std::string& type) { columns_.push_back({name, type}); }
  void drop(const std::string& name) {
    std::erase_if(columns_, [&](const ActualColumn& column) { return column.name == name; });
  }

 private:
  ActualColumns columns_;
};

const LayoutColumn* by_attnum(const TableLayout& layout, std::int16_t attnum) {
  const auto found = std::find_if(layout.columns.begin(), layout.columns.end(), [&](const LayoutColumn& column) { return column.attnum == attnum; });
  return found == layout.columns.end() ? nullptr : &*found;
}

/// Statements for one table, and its columns after them.
class TableChange {
 public:
  TableChange(std::string table, const ActualColumns& actual) : table_(std::move(table)), columns_(actual) {}

  ActualColumn* find(const std::string& name) { return columns_.find(name); }

  void rename(const std::string& from, const std::string& to) {
    say("RENAME COLUMN " + snowflake_identifier(from) + " TO " + snowflake_identifier(to));
    columns_.find(from)->name = to;
  }
  void widen(const std::string& name, const std::string& type) {
    say("ALTER COLUMN " + snowflake_identifier(name) + " SET DATA TYPE " + type);
    columns_.find(name)->type = type;
  }
  void add(const std::string& name, const std::string& type, const std::string& default_sql = {}) {
    say("ADD COLUMN IF NOT EXISTS " + snowflake_identifier(name) + " " + type + (default_sql.empty() ? "" : " DEFAULT " + default_sql));
    columns_.add(name, type);
  }
  void drop(const std::string& name) {
    say("DROP COLUMN IF EXISTS " + snowflake_identifier(name));
    columns_.drop(name);
  }
  void keep_aside(const std::string& name) {
    int number = 1;
    while (columns_.find(name + "__OLD_" + std::to_string(number)) != nullptr) ++number;
    rename(name, name + "__OLD_" + std::to_string(number));
  }
  void run(std::string statement) { change_.statements.push_back(std::move(statement)); }
  void need_copy(std::string why) {
    if (!change_.needs_copy) change_.needs_copy = std::move(why);
  }
  LayoutChange take() { return std::move(change_); }

  /// By attnum.
  void rename_all(const TableLayout& before, const TableLayout& wanted) {
    for (const LayoutColumn& column : wanted.columns) {
      const LayoutColumn* old = by_attnum(before, column.attnum);
      if (old == nullptr || old->name == column.name || find(old->name) == nullptr) continue;
      const bool crossing = std::any_of(before.columns.begin(), before.columns.end(), [&](const LayoutColumn& other) {
        const LayoutColumn* renamed = by_attnum(wanted, other.attnum);
        return (other.name == column.name && renamed != nullptr) || (renamed != nullptr && renamed->name == old->name);
      });
      if (crossing) {  // after "a, b" became "b, a" or "b, c" the table's names do not say whether the renaming was done
        change_.needs_copy = "columns of " + table_ + " took over each other's names: " + snowflake_identifier(old->name) + " is now " +
                             snowflake_identifier(column.name);
        continue;
      }
      if (find(column.name) != nullptr) keep_aside(column.name);  // of a column that is gone at the source
      rename(old->name, column.name);
    }
  }

 private:
  void say(const std::string& action) { change_.statements.push_back("ALTER TABLE " + table_ + " " + action); }

  std::string table_;
  Columns columns_;
  LayoutChange change_;
};

}  // namespace

std::string describe_sql(const std::string& qualified_table) { return "DESCRIBE TABLE " + qualified_table; }

TypeFit fit_of(const std::string& actual, const std::string& wanted) {
  const ParsedType have = parse_type(actual);
  const ParsedType want = parse_type(wanted);
  if (have.name != want.name) return TypeFit::other;
  if (want.name == "NUMBER" && have.second != want.second) return TypeFit::other;
  if (have.first >= want.first) return TypeFit::holds;
  return want.name == "NUMBER" || want.name == "VARCHAR" || want.name == "BINARY" ? TypeFit::widens : TypeFit::other;
}

LayoutChange change_log(const TableLayout* before, const TableLayout& wanted, const ActualColumns* actual) {
  if (actual == nullptr) return {{create_log_sql(wanted)}, std::nullopt};
  TableChange change(wanted.log(), *actual);
  if (before != nullptr) change.rename_all(*before, wanted);
  for (const LogColumn& column : kLogColumns) {
    if (change.find(column.name) == nullptr) change.add(column.name, column.type);
  }
  for (const LayoutColumn& column : wanted.columns) {
    const ActualColumn* found = change.find(column.name);
    const TypeFit fit = found == nullptr ? TypeFit::other : fit_of(found->type, column.type);
    if (fit == TypeFit::widens) change.widen(column.name, column.type);
    if (fit != TypeFit::other) continue;
    if (found != nullptr) change.keep_aside(column.name);
    change.add(column.name, column.type);
  }
  return change.take();
}

LayoutChange change_state(const TableLayout* before, const TableLayout& wanted, const ActualColumns* actual) {
  if (actual == nullptr) return {{create_state_sql(wanted)}, std::nullopt};
  TableChange change(wanted.state(), *actual);
  if (before != nullptr) {
    for (const LayoutColumn& old : before->columns) {
      if (by_attnum(wanted, old.attnum) == nullptr && change.find(old.name) != nullptr) change.drop(old.name);
    }
    change.rename_all(*before, wanted);
  }
  for (const LayoutColumn& column : wanted.columns) {
    const ActualColumn* found = change.find(column.name);
    if (found == nullptr) {
      const bool constant = column.missing && column.missing_is_constant;
      change.add(column.name, column.type, constant ? *column.missing : "");
      if (column.missing && !constant) change.run("UPDATE " + wanted.state() + " SET " + snowflake_identifier(column.name) + " = " + *column.missing);
      continue;
    }
    const TypeFit fit = fit_of(found->type, column.type);
    if (fit == TypeFit::widens) change.widen(column.name, column.type);
    if (fit == TypeFit::other) {
      change.need_copy("column " + snowflake_identifier(column.name) + " of " + wanted.state() + " is " + found->type + ", and " +
                       column.source_type + " needs " + column.type);
    }
  }
  if (change.find(kPositionColumn) == nullptr) change.need_copy(wanted.state() + " has no column _LUGE_POSITION");
  if (wanted.soft_delete && change.find(kDeletedColumn) == nullptr) change.add(kDeletedColumn, "BOOLEAN", "FALSE");
  return change.take();
}

}  // namespace luge
