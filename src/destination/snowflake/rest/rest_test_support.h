#pragma once
#include <algorithm>
#include <deque>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/random.h"
#include "destination/snowflake/auth/key_pair.h"
#include "destination/snowflake/auth/token_source.h"
#include "destination/snowflake/encode/ndjson_encoder.h"
#include "destination/snowflake/encode/offset_token.h"
#include "http/http_client.h"

namespace luge {

/// Answers from a list, and remembers what was asked.
class ScriptedStreaming final : public HttpClient {
 public:
  struct Asked {
    HttpRequest::Method method;
    std::string url;
    std::string body;
    HttpHeaders headers;

    std::string header(std::string_view name) const {
      const auto found = std::find_if(headers.begin(), headers.end(), [&](const auto& header) { return header.first == name; });
      return found == headers.end() ? "" : found->second;
    }
    /// A parameter of the query, as it stands there.
    std::string parameter(const std::string& name) const {
      const std::string query = "&" + url.substr(std::min(url.size(), url.find('?') + 1)) + "&";
      const auto at = query.find("&" + name + "=");
      if (at == std::string::npos) return "";
      const auto begin = at + name.size() + 2;
      return query.substr(begin, query.find('&', begin) - begin);
    }
  };

  Result<HttpResponse> send(const HttpRequest& request) override {
    asked.push_back({request.method, request.url, std::string(request.body), request.headers});
    if (answers.empty()) return make_error(Recovery::retry, "unreachable", "nothing more in the script");
    Result<HttpResponse> answer = std::move(answers.front());
    answers.pop_front();
    return answer;
  }
  void answer(int status, const std::string& body, HttpHeaders headers = {}) { answers.emplace_back(HttpResponse{status, std::move(headers), body}); }
  void answer(int status, const nlohmann::json& body, HttpHeaders headers = {}) { answer(status, body.dump(), std::move(headers)); }
  void lose(WriteState state) {
    Error error = make_error(Recovery::retry, "connection_lost", "gone");
    error.write_state = state;
    answers.emplace_back(std::move(error));
  }

  std::vector<Asked> asked;
  std::deque<Result<HttpResponse>> answers;
};

class SteppedClock final : public Clock {
 public:
  Instant now() const override { return instant; }
  PgTimestamp wall_now() const override { return {instant.micros + wall_offset_micros}; }
  Instant instant;
  std::int64_t wall_offset_micros = 800'000'000'000'000;
};

/// A token of the given type, or another one after each refusal.
class NumberedTokens final : public TokenSource {
 public:
  explicit NumberedTokens(std::string type, bool renews = true) : type_(std::move(type)), renews_(renews) {}
  Result<AuthToken> token() override { return AuthToken{"own" + std::to_string(number), type_}; }
  bool refused(const AuthToken&) override {
    number += renews_ ? 1 : 0;
    return renews_;
  }
  int number = 1;

 private:
  const std::string type_;
  const bool renews_;
};

/// A scoped token as Snowflake makes them, as far as luge reads it.
inline std::string scoped_token(const Clock& clock, std::int64_t life_s, const std::string& name) {
  const std::int64_t now = 946'684'800 + clock.wall_now().micros / 1'000'000;
  return "e30." + base64_url(nlohmann::json{{"exp", now + life_s}, {"jti", name}}.dump()) + ".c2ln";
}

inline Position position(std::uint64_t ordinal) { return {1, Lsn{0x100}, ordinal}; }

/// Rows with consecutive ordinals, each a line of `text` and its number.
inline EncodedRows lines(std::size_t count, const std::string& text = "x", std::uint64_t first_ordinal = 0) {
  EncodedRows rows;
  for (std::size_t i = 0; i < count; ++i) {
    const std::string line = "{\"ID\":" + std::to_string(first_ordinal + i) + ",\"NAME\":\"" + text + "\"}\n";
    rows.text.append(line.data(), line.size());
    rows.rows.push_back({rows.text.size(), position(first_ordinal + i)});
  }
  return rows;
}

/// Text that no compressor makes shorter by more than a quarter.
inline std::string noise(std::size_t size, Random& random) {
  static constexpr char kLetters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text(size, 'x');
  for (char& c : text) c = kLetters[random.below(64)];
  return text;
}

/// Rows of which each is noise of its own.
inline EncodedRows noisy_lines(std::size_t count, std::size_t size, Random& random) {
  EncodedRows rows;
  for (std::size_t i = 0; i < count; ++i) {
    const std::string line = "{\"NAME\":\"" + noise(size, random) + "\"}\n";
    rows.text.append(line.data(), line.size());
    rows.rows.push_back({rows.text.size(), position(i)});
  }
  return rows;
}

}  // namespace luge
