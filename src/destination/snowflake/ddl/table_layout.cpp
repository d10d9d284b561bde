#include "destination/snowflake/ddl/table_layout.h"

#include <algorithm>

#include "destination/snowflake/ddl/missing_value.h"
#include "destination/snowflake/encode/snowflake_type.h"
#include "model/arrow_column.h"

namespace luge {

bool TableLayout::keyless() const {
  return std::none_of(columns.begin(), columns.end(), [](const LayoutColumn& column) { return column.key; });
}

std::string TableLayout::qualified(std::string_view name) const { return snowflake_identifier(place.schema) + "." + snowflake_identifier(name); }
std::string TableLayout::state() const { return qualified(place.state); }
std::string TableLayout::log() const { return qualified(place.log); }
std::string TableLayout::copy(std::uint32_t attempt) const { return qualified(snowflake_copy_name(place, attempt)); }

Result<TableLayout> make_layout(const TableSchema& schema, const LayoutOptions& options) {
  TableLayout layout;
  layout.place = snowflake_place(schema.name, options.schema, options.keep_case);
  layout.soft_delete = options.soft_delete;
  TRY(const std::vector<std::string> names, snowflake_column_names(schema, options.keep_case));
  for (std::size_t i = 0; i < names.size(); ++i) {
    const ColumnSchema& source = schema.columns[i];
    LayoutColumn& column = layout.columns.emplace_back();
    column.attnum = source.attnum;
    column.name = names[i];
    column.type = snowflake_type(source.value);
    column.source_type = source.type ? source.type->name : to_string(source.value);
    if (source.missing_value != nullptr && !source.missing_value->is_null(0)) {
      TRY(MissingValue missing, missing_value_sql(source));
      column.missing = std::move(missing.expression);
      column.missing_is_constant = missing.is_constant;
    }
  }
  for (const std::uint16_t key : schema.key_columns) layout.columns[key].key = true;
  return layout;
}

TableLayout evolve_layout(const TableLayout& before, TableLayout after, const Position& position) {
  for (LayoutColumn& column : after.columns) {
    const auto old =
        std::find_if(before.columns.begin(), before.columns.end(), [&](const LayoutColumn& other) { return other.attnum == column.attnum; });
    if (old == before.columns.end()) {
      column.born = position;
      continue;
    }
    column.born = old->born;
    column.former_names = old->former_names;
    if (old->name != column.name) column.former_names.push_back({old->name, position});
  }
  return after;
}

void forget_before(TableLayout& layout, const Position& position) {
  for (LayoutColumn& column : layout.columns) {
    if (column.born && *column.born <= position) column.born.reset();
    std::erase_if(column.former_names, [&](const LayoutColumn::FormerName& former) { return former.until <= position; });
  }
}

}  // namespace luge
