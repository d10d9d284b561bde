#pragma once
#include <memory>
#include <stop_token>

#include "base/clock.h"
#include "base/random.h"
#include "base/result.h"
#include "destination/snowflake/auth/token_source.h"
#include "destination/snowflake/ingest/ingest_client.h"
#include "destination/snowflake/rest/streaming_session.h"
#include "destination/snowflake/snowflake_options.h"
#include "destination/snowflake/sql/sql_client.h"
#include "http/curl_client.h"

namespace luge {

/// An SQL API client with everything it needs. One thread at a time.
class SqlSession {
 public:
  SqlSession(const SnowflakeOptions& options, TokenSource& tokens, const Clock& clock, std::stop_token stop);
  SqlClient& client() { return client_; }
  Result<SqlResult> run(std::string text) { return client_.run({std::move(text)}); }

 private:
  std::stop_token stop_;
  SeededRandom random_;
  CurlClient http_;
  SqlClient client_;
};

/// One account as the options name it: credentials, the way to the ingest host, and clients. Thread-safe.
class SnowflakeConnection {
 public:
  /// Reads the key. Errors: those of KeyPair::load.
  static Result<std::shared_ptr<SnowflakeConnection>> make(const SnowflakeOptions& options, const Clock& clock);

  const SnowflakeOptions& options() const { return options_; }
  std::unique_ptr<SqlSession> sql(std::stop_token stop) const;
  Result<std::unique_ptr<IngestClient>> rest_client(const std::stop_token& stop) const;
  /// Of the transport that the options choose.
  Result<std::unique_ptr<IngestClient>> ingest_client(const std::stop_token& stop) const;

 private:
  SnowflakeConnection(const SnowflakeOptions& options, const Clock& clock) : options_(options), clock_(clock) {}

  const SnowflakeOptions options_;
  const Clock& clock_;
  std::unique_ptr<TokenSource> tokens_;
  std::shared_ptr<StreamingSession> session_;
};

/// Signs in as the options say; nothing is sent yet. `role`: which role a key's token asks for; empty: the user's default. `clock` must outlive it.
/// Errors: those of KeyPair::load; "credentials" when there are none.
Result<std::unique_ptr<TokenSource>> snowflake_tokens(const SnowflakeOptions& options, const std::string& role, const Clock& clock);

}  // namespace luge
