#include "destination/snowflake/sql/sql_client.h"

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <utility>

namespace luge {

namespace {

using Json = nlohmann::json;

constexpr Duration kRequestTimeout = std::chrono::seconds(90);  // the server answers 202 after 45 s
constexpr Duration kFirstPoll = std::chrono::milliseconds(100);
constexpr Duration kLongestPoll = std::chrono::seconds(5);

bool is_transient(int status) { return status == 408 || status == 429 || status >= 500; }

std::string text_of(const Json& document, const char* key) {
  const auto found = document.is_object() ? document.find(key) : document.end();
  return document.is_object() && found != document.end() && found->is_string() ? found->get<std::string>() : std::string();
}

/// What the server says about a failure, without what a row may have held.
Error server_error(const HttpResponse& response) {
  const Json document = Json::parse(response.body, nullptr, false);
  std::string code = text_of(document, "code");
  if (code.empty()) code = text_of(document, "error_code");
  const std::string state = text_of(document, "sqlState");
  const bool data_error = state.starts_with("22") || code.starts_with("1000");
  const std::string said = data_error ? "a value does not fit (the message is left out: it may repeat the value)" : text_of(document, "message");
  const std::string what =
      "Snowflake answered " + std::to_string(response.status) + (code.empty() ? "" : " " + code) + ": " + (said.empty() ? "no explanation" : said);
  if (response.status == 401) {
    return fatal("auth", what, "check account, user, and key or token: DESC USER shows RSA_PUBLIC_KEY_FP; check this machine's clock");
  }
  if (response.status == 403) return fatal("forbidden", what, "check the user's network policy and the role's grants");
  if (is_transient(response.status)) {
    Error error = make_error(Recovery::retry, code.empty() ? "http_" + std::to_string(response.status) : code, what, "luge tries again");
    error.write_state = WriteState::unknown;
    return error;
  }
  return fatal(code.empty() ? "http_" + std::to_string(response.status) : code, what);
}

}  // namespace

std::string make_uuid(Random& random) {
  const std::uint64_t high = (random.next() & ~0xF000ULL) | 0x4000ULL;
  const std::uint64_t low = (random.next() & 0x3FFFFFFFFFFFFFFFULL) | 0x8000000000000000ULL;
  char text[37];
  std::snprintf(text, sizeof text, "%08x-%04x-%04x-%04x-%012llx", static_cast<unsigned>(high >> 32), static_cast<unsigned>(high >> 16 & 0xFFFF),
                static_cast<unsigned>(high & 0xFFFF), static_cast<unsigned>(low >> 48), static_cast<unsigned long long>(low & 0xFFFFFFFFFFFFULL));
  return text;
}

std::uint64_t SqlResult::affected() const {
  std::uint64_t sum = 0;
  if (rows.size() != 1) return 0;
  for (std::size_t i = 0; i < columns.size() && i < rows[0].size(); ++i) {
    if (!columns[i].name.starts_with("number of ") || !rows[0][i]) continue;
    std::uint64_t value = 0;
    std::from_chars(rows[0][i]->data(), rows[0][i]->data() + rows[0][i]->size(), value);
    sum += value;
  }
  return sum;
}

std::optional<std::string> SqlResult::cell(std::size_t row, std::string_view column) const {
  for (std::size_t i = 0; i < columns.size() && i < rows.at(row).size(); ++i) {
    if (columns[i].name == column) return rows[row][i];
  }
  return std::nullopt;
}

/// The second is what SHOW says of a schema.
bool no_such_object(const Error& error) { return error.code == "002003" || error.code == "002043"; }

/// One statement on its way.
struct SqlClient::Call {
  Instant deadline;
  std::string handle;  ///< the server's name of it, once known
  RetryPolicy retry;
};

SqlClient::SqlClient(HttpClient& http, TokenSource& tokens, SqlSettings settings, const Clock& clock, Random& random, Pause pause)
    : http_(http), tokens_(tokens), settings_(std::move(settings)), clock_(clock), random_(random), pause_(std::move(pause)) {}

Result<SqlResult> SqlClient::run(const SqlStatement& statement) {
  TRY(auto results, run_all(statement));
  if (results.empty()) return SqlResult{};
  return std::move(results.back());
}

Result<std::vector<SqlResult>> SqlClient::run_all(const SqlStatement& statement) {
  Call call;
  call.deadline = clock_.now() + statement.timeout;
  Json body = {{"statement", statement.text},
               {"timeout", std::max<std::int64_t>(1, statement.timeout.count() / 1'000'000)},
               {"parameters", {{"MULTI_STATEMENT_COUNT", std::to_string(statement.count)}, {"QUERY_TAG", settings_.query_tag}}}};
  const auto name = [&body](const char* key, const std::string& value) {
    if (!value.empty()) body[key] = value;
  };
  name("database", settings_.database);
  name("schema", settings_.schema);
  name("warehouse", settings_.warehouse);
  name("role", settings_.role);
  if (!statement.bindings.empty()) {
    Json bindings = Json::object();
    for (std::size_t i = 0; i < statement.bindings.size(); ++i) {
      const auto& value = statement.bindings[i];
      bindings[std::to_string(i + 1)] = {{"type", "TEXT"}, {"value", value ? Json(*value) : Json()}};
    }
    body["bindings"] = std::move(bindings);
  }
  TRY(HttpResponse response,
      exchange(call, HttpRequest::Method::post, "/api/v2/statements", "requestId=" + make_uuid(random_) + "&async=false&nullable=true",
               body.dump(-1, ' ', false, Json::error_handler_t::replace), statement.repeatable));
  TRY(response, finish(call, std::move(response)));

  std::vector<SqlResult> results;
  const Json document = Json::parse(response.body, nullptr, false);
  const auto handles = document.is_object() ? document.find("statementHandles") : document.end();
  if (document.is_object() && handles != document.end() && handles->is_array() && statement.count != 1) {
    for (const Json& handle : *handles) {
      call.handle = handle.is_string() ? handle.get<std::string>() : std::string();
      TRY(HttpResponse part, exchange(call, HttpRequest::Method::get, "/api/v2/statements/" + url_encode(call.handle), "", ""));
      TRY(part, finish(call, std::move(part)));
      TRY(SqlResult result, read(call, part));
      results.push_back(std::move(result));
    }
    return results;
  }
  TRY(SqlResult result, read(call, response));
  results.push_back(std::move(result));
  return results;
}

/// Until there is an answer that is neither transient nor a token's end.
Result<HttpResponse> SqlClient::exchange(Call& call, HttpRequest::Method method, const std::string& path, const std::string& query,
                                         const std::string& body, bool repeatable) {
  bool renewed = false;
  bool sent = false;
  for (;;) {
    const auto token = tokens_.token();
    HttpRequest request;
    request.method = method;
    request.url = settings_.url + path + (query.empty() ? "" : "?" + query + (sent ? "&retry=true" : ""));
    request.body = body;
    const auto send = [&]() -> Result<HttpResponse> {
      if (!token) return token.error();
      request.headers = {
          {"Authorization", "Bearer " + token->value}, {"X-Snowflake-Authorization-Token-Type", token->type}, {"Accept", "application/json"}};
      if (method == HttpRequest::Method::post) request.headers.emplace_back("Content-Type", "application/json");
      request.timeout = std::clamp<Duration>(call.deadline - clock_.now(), std::chrono::milliseconds(1), kRequestTimeout);
      sent = true;
      return http_.send(request);
    };
    auto response = send();
    if (response && response->status == 401 && !renewed && tokens_.refused(*token)) {
      renewed = true;
      continue;
    }
    if (response && !is_transient(response->status)) return response;
    Error error = response ? server_error(*response) : std::move(response).error();
    if (error.recovery != Recovery::retry || error.code == "cancelled") return error;
    if (!repeatable && error.write_state == WriteState::unknown) return error;
    const Duration delay = call.retry.next_delay(clock_.now(), random_);
    if (clock_.now() + delay >= call.deadline || !pause_(delay)) return error;
  }
}

/// Waits for a statement that goes on at the server.
Result<HttpResponse> SqlClient::finish(Call& call, HttpResponse response) {
  for (Duration poll = kFirstPoll; response.status == 202; poll = std::min(poll * 2, kLongestPoll)) {
    const Json document = Json::parse(response.body, nullptr, false);
    const std::string handle = text_of(document, "statementHandle");
    if (!handle.empty()) call.handle = handle;
    if (call.handle.empty()) return fatal("protocol", "Snowflake's SQL API answered 202 without a statement handle");
    if (clock_.now() + poll >= call.deadline || !pause_(poll)) {
      cancel(call);
      Error error =
          make_error(Recovery::retry, "timeout", "a statement at Snowflake did not end in time and was cancelled (query " + call.handle + ")",
                     "give the warehouse more room, or look at the query's profile");
      error.write_state = WriteState::unknown;
      return error;
    }
    TRY(response, exchange(call, HttpRequest::Method::get, "/api/v2/statements/" + url_encode(call.handle), "", ""));
  }
  if (!response.good()) return server_error(response);
  return response;
}

Result<SqlResult> SqlClient::read(Call& call, const HttpResponse& response) {
  const Error malformed = fatal("protocol", "Snowflake's SQL API answered something that luge cannot read");
  SqlResult result;
  const auto take_rows = [&result](const Json& rows) {
    for (const Json& row : rows.get_ref<const Json::array_t&>()) {
      auto& values = result.rows.emplace_back();
      for (const Json& value : row.get_ref<const Json::array_t&>())
        values.push_back(value.is_null() ? std::nullopt : std::optional<std::string>(value.get<std::string>()));
    }
  };
  try {
    const Json document = Json::parse(response.body);
    result.query_id = text_of(document, "statementHandle");
    const auto meta = document.find("resultSetMetaData");
    if (meta == document.end() || meta->is_null()) return result;
    for (const Json& column : meta->at("rowType")) {
      const Json scale = column.value("scale", Json());
      result.columns.push_back(
          {column.at("name").get<std::string>(), column.at("type").get<std::string>(), scale.is_number() ? scale.get<int>() : 0});
    }
    if (const auto data = document.find("data"); data != document.end()) take_rows(*data);
    const std::size_t partitions = meta->contains("partitionInfo") ? meta->at("partitionInfo").size() : 1;
    for (std::size_t partition = 1; partition < partitions; ++partition) {
      TRY(const HttpResponse part, exchange(call, HttpRequest::Method::get, "/api/v2/statements/" + url_encode(result.query_id),
                                            "partition=" + std::to_string(partition), ""));
      if (!part.good()) return server_error(part);
      take_rows(Json::parse(part.body).at("data"));
    }
  } catch (const Json::exception&) {
    return malformed;
  }
  return result;
}

void SqlClient::cancel(Call& call) {
  const auto token = tokens_.token();
  if (!token) return;
  HttpRequest request;
  request.method = HttpRequest::Method::post;
  request.url = settings_.url + "/api/v2/statements/" + url_encode(call.handle) + "/cancel";
  request.headers = {{"Authorization", "Bearer " + token->value},
                     {"X-Snowflake-Authorization-Token-Type", token->type},
                     {"Accept", "application/json"},
                     {"Content-Type", "application/json"}};
  request.timeout = std::chrono::seconds(10);
  static_cast<void>(http_.send(request).has_value());
}

}  // namespace luge
