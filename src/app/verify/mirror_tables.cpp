#include "app/verify/mirror_tables.h"

#include <algorithm>
#include <charconv>

#include "destination/snowflake/ddl/table_layout.h"
#include "model/chunk_codec.h"
#include "postgres/sql_quoting.h"

namespace luge {

Result<std::vector<TableOfMirror>> duckdb_mirror_tables(ReadHandle& mirror) {
  std::vector<TableOfMirror> tables;
  Status decoded = ok();
  CHECK_OK(mirror.query(
      "SELECT oid::VARCHAR, schema_name, table_name, state, shape, target_schema, target_table FROM _luge.tables ORDER BY schema_name, table_name",
      [](const std::vector<std::string>&) {},
      [&](const ReadHandle::Row& row) {
        TableOfMirror table;
        const std::string oid = row[0].value_or("");
        std::from_chars(oid.data(), oid.data() + oid.size(), table.oid);
        table.name = {row[1].value_or(""), row[2].value_or("")};
        table.state = parse_table_state(row[3].value_or("")).value_or(TableState::waiting);
        if (row[4]) {
          auto schema = decode_schema(*row[4]);
          if (schema) {
            table.schema = std::move(*schema);
          } else {
            decoded = schema.error();
          }
        }
        if (table.schema) {
          for (const ColumnSchema& column : table.schema->columns) table.columns.push_back(column.name);
        }
        table.target = quote_qualified(row[5].value_or(""), row[6].value_or(""));
        tables.push_back(std::move(table));
      }));
  if (!decoded) return decoded.error();
  return tables;
}

Result<std::vector<TableOfMirror>> snowflake_mirror_tables(const std::vector<TableRecord>& records, const SnowflakeOptions& options) {
  std::vector<TableOfMirror> tables;
  for (const TableRecord& record : records) {
    TableOfMirror table{record.oid, record.name, record.state, record.schema, {}, {}, {}};
    if (record.schema) {
      TRY(const TableLayout layout, make_layout(*record.schema, {options.schema, options.keep_case, options.soft_delete}));
      table.target = layout.state();
      if (options.soft_delete) table.filter = std::string("COALESCE(t.\"") + kDeletedColumn + "\", FALSE) = FALSE";
      for (const LayoutColumn& column : layout.columns) table.columns.push_back(column.name);
    }
    tables.push_back(std::move(table));
  }
  std::ranges::sort(tables, {}, &TableOfMirror::name);
  return tables;
}

}  // namespace luge
