#include "destination/duckdb/reader_statement.h"

#include "destination/duckdb/duckdb_error.h"
#include "destination/duckdb/reader_end.h"

namespace luge {

namespace {

bool may_run(duckdb_statement_type type) { return type == DUCKDB_STATEMENT_TYPE_SELECT || type == DUCKDB_STATEMENT_TYPE_EXPLAIN; }

/// Without the blanks and semicolons at its end, so that it can stand in parentheses.
std::string_view trimmed(std::string_view sql) {
  const auto end = sql.find_last_not_of(" \t\r\n;");
  return end == std::string_view::npos ? std::string_view() : sql.substr(0, end + 1);
}

/// Values of types that are not cast by the query itself.
std::string plain_text(duckdb_type type, const void* data, idx_t row) {
  switch (type) {
    case DUCKDB_TYPE_BOOLEAN: return static_cast<const bool*>(data)[row] ? "true" : "false";
    case DUCKDB_TYPE_INTEGER: return std::to_string(static_cast<const std::int32_t*>(data)[row]);
    case DUCKDB_TYPE_BIGINT: return std::to_string(static_cast<const std::int64_t*>(data)[row]);
    case DUCKDB_TYPE_UBIGINT: return std::to_string(static_cast<const std::uint64_t*>(data)[row]);
    case DUCKDB_TYPE_DOUBLE: return std::to_string(static_cast<const double*>(data)[row]);
    case DUCKDB_TYPE_VARCHAR:
    case DUCKDB_TYPE_BLOB: return std::string(string_bytes(static_cast<const duckdb_string_t*>(data)[row]));
    default: return "?";
  }
}

Error refuse(duckdb_error_type type, const char* message, const std::string& path) {
  if (type == DUCKDB_ERROR_FATAL || type == DUCKDB_ERROR_IO || type == DUCKDB_ERROR_OUT_OF_MEMORY) {
    return duckdb_failure(type, message, "running a query", path);
  }
  // What is wrong with the statement is for the one who wrote it; an error of a value would quote the value.
  const bool about_statement = type == DUCKDB_ERROR_PARSER || type == DUCKDB_ERROR_SYNTAX || type == DUCKDB_ERROR_BINDER ||
                               type == DUCKDB_ERROR_CATALOG || type == DUCKDB_ERROR_PERMISSION || type == DUCKDB_ERROR_TRANSACTION;
  Error error = about_statement && message != nullptr ? fatal("query", message) : duckdb_failure(type, message, "running the query", path);
  error.code = "query";
  error.recovery = Recovery::stop_pipeline;
  error.exit_code = ExitCode::usage;
  return error;
}

/// In DuckDB a statement that does not even parse ends the transaction it is given to, so it is tried out elsewhere first.
Status try_out(DuckdbConnection& scratch, const std::string& text) {
  const std::string& path = scratch.database().path();
  ExtractedStatements statements;
  const idx_t count = duckdb_extract_statements(scratch.handle(), text.c_str(), statements.out());
  if (count == 0) return refuse(DUCKDB_ERROR_PARSER, statements ? duckdb_extract_statements_error(statements.get()) : nullptr, path);
  if (count > 1) return refuse(DUCKDB_ERROR_PERMISSION, "one statement at a time", path);
  PreparedStatement tried;
  if (duckdb_prepare_extracted_statement(scratch.handle(), statements.get(), 0, tried.out()) != DuckDBSuccess) {
    return refuse(DUCKDB_ERROR_BINDER, duckdb_prepare_error(tried.get()), path);
  }
  if (!may_run(duckdb_prepared_statement_type(tried.get()))) {
    return refuse(DUCKDB_ERROR_PERMISSION, "only SELECT and what reads like it may run here: the mirror belongs to luge", path);
  }
  return ok();
}

/// DuckDB's own text of every value: its cast, asked for around the statement. What cannot stand in parentheses runs as it is.
std::string as_text(DuckdbConnection& scratch, const std::string& text) {
  for (const std::string& candidate : {text, text.substr(0, text.rfind(';'))}) {  // a comment may follow the last semicolon
    std::string casting = "SELECT COLUMNS(*)::VARCHAR FROM (" + candidate + "\n)";
    PreparedStatement tried;
    if (duckdb_prepare(scratch.handle(), casting.c_str(), tried.out()) == DuckDBSuccess) return casting;
  }
  return text;
}

}  // namespace

Result<std::unique_ptr<ReaderStatement>> ReaderStatement::start(DuckdbConnection& connection, DuckdbConnection& scratch, std::string_view sql,
                                                                const std::function<bool()>& ended) {
  const std::string text(trimmed(sql));
  CHECK_OK(try_out(scratch, text));
  if (ended()) return reader_ended(ReaderEnd::cancelled);
  const std::string casting = as_text(scratch, text);
  if (ended()) return reader_ended(ReaderEnd::cancelled);
  std::unique_ptr<ReaderStatement> statement(new ReaderStatement(connection.database()));
  if (duckdb_prepare(connection.handle(), casting.c_str(), statement->prepared_.out()) != DuckDBSuccess) {
    return refuse(DUCKDB_ERROR_BINDER, duckdb_prepare_error(statement->prepared_.get()), statement->path_);
  }
  CHECK_OK(statement->execute(ended));
  return statement;
}

Status ReaderStatement::execute(const std::function<bool()>& ended) {
  // DuckDB forgets interruptions when a statement begins, which is here; nothing of it has run when this returns.
  PendingResult pending;
  const bool begun = duckdb_pending_prepared_streaming(prepared_.get(), pending.out()) == DuckDBSuccess;
  if (ended()) return reader_ended(ReaderEnd::cancelled);
  // What did not begin fails again the other way, which gives its error a type.
  if (!begun) pending = PendingResult();
  const duckdb_state done =
      begun ? duckdb_execute_pending(pending.get(), result_.get()) : duckdb_execute_prepared_streaming(prepared_.get(), result_.get());
  if (done != DuckDBSuccess) return refuse(duckdb_result_error_type(result_.get()), duckdb_result_error(result_.get()), path_);
  for (idx_t c = 0; c < duckdb_column_count(result_.get()); ++c) {
    types_.push_back(duckdb_column_type(result_.get(), c));
    columns_.emplace_back(duckdb_column_name(result_.get(), c));
  }
  data_.resize(types_.size());
  validity_.resize(types_.size());
  return ok();
}

Result<bool> ReaderStatement::fetch() {
  chunk_ = DataChunk(duckdb_fetch_chunk(*result_.get()));
  if (!chunk_) {
    const char* message = duckdb_result_error(result_.get());
    if (message != nullptr) return refuse(duckdb_result_error_type(result_.get()), message, path_);
    return false;
  }
  rows_ = duckdb_data_chunk_get_size(chunk_.get());
  row_ = 0;
  for (idx_t c = 0; c < types_.size(); ++c) {
    const duckdb_vector vector = duckdb_data_chunk_get_vector(chunk_.get(), c);
    data_[c] = duckdb_vector_get_data(vector);
    validity_[c] = duckdb_vector_get_validity(vector);
  }
  return true;
}

Result<bool> ReaderStatement::next(ReadHandle::Row& row) {
  while (row_ == rows_) {
    TRY(const bool more, fetch());
    if (!more) return false;
  }
  row.resize(types_.size());
  for (idx_t c = 0; c < types_.size(); ++c) {
    if (row_is_valid(validity_[c], row_)) {
      row[c] = plain_text(types_[c], data_[c], row_);
    } else {
      row[c].reset();
    }
  }
  ++row_;
  return true;
}

}  // namespace luge
