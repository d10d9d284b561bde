#include "destination/duckdb/table_transfer.h"

#include "destination/duckdb/duckdb_error.h"

namespace luge {

namespace {

constexpr std::string_view kCarrying = "carrying a finished copy into an open transaction";

using Appender = DuckdbHandle<duckdb_appender, duckdb_appender_destroy>;

Error appender_failure(const Appender& appender, const DuckdbDatabase& database) {
  duckdb_error_data error = duckdb_appender_error_data(appender.get());
  Error out = duckdb_failure(duckdb_error_data_error_type(error), duckdb_error_data_message(error), kCarrying, database.path());
  duckdb_destroy_error_data(&error);
  return out;
}

}  // namespace

Status transfer_rows(DuckdbConnection& reader, const TargetName& source, DuckdbConnection& writer, const TargetName& target) {
  DuckdbDatabase& database = reader.database();
  PreparedStatement statement;
  const std::string sql = "SELECT * FROM " + database.qualified(source);
  if (duckdb_prepare(reader.handle(), sql.c_str(), statement.out()) != DuckDBSuccess) {
    return duckdb_failure(DUCKDB_ERROR_CATALOG, duckdb_prepare_error(statement.get()), kCarrying, database.path());
  }
  QueryResult result;
  if (duckdb_execute_prepared_streaming(statement.get(), result.get()) != DuckDBSuccess) {
    return duckdb_failure(duckdb_result_error_type(result.get()), duckdb_result_error(result.get()), kCarrying, database.path());
  }
  Appender appender;
  if (duckdb_appender_create_ext(writer.handle(), database.catalog().c_str(), target.schema.c_str(), target.table.c_str(), appender.out()) !=
      DuckDBSuccess) {
    return appender_failure(appender, database);
  }
  for (;;) {
    const DataChunk chunk(duckdb_fetch_chunk(*result.get()));
    if (!chunk) break;
    if (duckdb_append_data_chunk(appender.get(), chunk.get()) != DuckDBSuccess) return appender_failure(appender, database);
  }
  if (const char* message = duckdb_result_error(result.get()); message != nullptr) {
    return duckdb_failure(duckdb_result_error_type(result.get()), message, kCarrying, database.path());
  }
  if (duckdb_appender_close(appender.get()) != DuckDBSuccess) return appender_failure(appender, database);
  return ok();
}

}  // namespace luge
