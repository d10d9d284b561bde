#include "postgres/query_result.h"

#include <libpq-fe.h>

#include "base/ensure.h"

namespace luge {

QueryResult::QueryResult(pg_result* result) : result_(result) {}

void QueryResult::Free::operator()(pg_result* result) const { PQclear(result); }

std::size_t QueryResult::rows() const { return static_cast<std::size_t>(PQntuples(result_.get())); }

std::size_t QueryResult::columns() const { return static_cast<std::size_t>(PQnfields(result_.get())); }

bool QueryResult::is_null(std::size_t row, std::size_t column) const {
  ENSURE(row < rows() && column < columns(), "a cell inside the result");
  return PQgetisnull(result_.get(), static_cast<int>(row), static_cast<int>(column)) != 0;
}

std::string_view QueryResult::text(std::size_t row, std::size_t column) const {
  ENSURE(row < rows() && column < columns(), "a cell inside the result");
  return {PQgetvalue(result_.get(), static_cast<int>(row), static_cast<int>(column)),
          static_cast<std::size_t>(PQgetlength(result_.get(), static_cast<int>(row), static_cast<int>(column)))};
}

int QueryResult::status() const { return PQresultStatus(result_.get()); }

std::uint64_t QueryResult::affected() const {
  const std::string_view text = PQcmdTuples(result_.get());
  std::uint64_t rows = 0;
  std::from_chars(text.data(), text.data() + text.size(), rows);
  return rows;
}

}  // namespace luge
