#pragma once
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/random.h"
#include "base/result.h"
#include "base/retry_policy.h"
#include "destination/snowflake/auth/token_source.h"
#include "http/http_client.h"

namespace luge {

/// One statement, or several that run in one request, in order (MULTI_STATEMENT_COUNT).
struct SqlStatement {
  std::string text;
  std::vector<std::optional<std::string>> bindings{};  ///< for "?", as TEXT; nullopt: NULL. Only for a single statement
  int count = 1;                                       ///< statements in `text`
  Duration timeout = std::chrono::minutes(5);          ///< for everything: retries, running, fetching
  /// False: carried out twice it would undo itself. When it is unknown whether it was, the error (write_state unknown) is the caller's, who
  /// looks. Snowflake's word that a request is not carried out twice is not relied on: whoever serves the second one may not know of the first.
  bool repeatable = true;
};

/// Values are Snowflake's own text (SQL API, format jsonv2).
struct SqlResult {
  struct Column {
    std::string name;
    std::string type;  ///< "fixed", "text", "timestamp_tz", …
    int scale = 0;
  };
  std::string query_id;
  std::vector<Column> columns;
  std::vector<std::vector<std::optional<std::string>>> rows;
  /// Rows that a DML statement touched: the sum of its "number of rows …" columns.
  std::uint64_t affected() const;
  /// By the column's name, as SHOW wants it: which columns there are, and in which order, may change. nullopt: NULL, or no such column.
  std::optional<std::string> cell(std::size_t row, std::string_view column) const;
};

struct SqlSettings {
  std::string url;  ///< https://host[:port], no trailing slash
  std::string database;
  std::string schema;
  std::string warehouse;
  std::string role;
  std::string query_tag = "luge";
};

/// Snowflake's SQL API (/api/v2/statements). One thread at a time.
///
/// Retries what is transient with the same requestId (the server then runs the statement once) until the statement's deadline, and
/// follows statements that take longer than the server holds a request. Error codes: Snowflake's own six digits for what the server
/// refused ("002003": no such object), "auth", "forbidden", "timeout" (cancelled at the server; write_state unknown), HttpClient's.
/// No message repeats a row's value: the text of data errors (SQLSTATE class 22) is left out.
class SqlClient {
 public:
  /// False: stop waiting.
  using Pause = std::function<bool(Duration)>;

  SqlClient(HttpClient& http, TokenSource& tokens, SqlSettings settings, const Clock& clock, Random& random, Pause pause);

  Result<SqlResult> run(const SqlStatement& statement);
  /// One result a statement.
  Result<std::vector<SqlResult>> run_all(const SqlStatement& statement);

 private:
  struct Call;
  Result<HttpResponse> exchange(Call& call, HttpRequest::Method method, const std::string& path, const std::string& query, const std::string& body,
                                bool repeatable = true);
  Result<HttpResponse> finish(Call& call, HttpResponse first);
  Result<SqlResult> read(Call& call, const HttpResponse& response);
  void cancel(Call& call);

  HttpClient& http_;
  TokenSource& tokens_;
  const SqlSettings settings_;
  const Clock& clock_;
  Random& random_;
  const Pause pause_;
};

/// What a statement names is not there, or the role may not see it.
bool no_such_object(const Error& error);

/// A random (version 4) UUID.
std::string make_uuid(Random& random);

}  // namespace luge
