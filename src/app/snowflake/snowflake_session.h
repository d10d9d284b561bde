#pragma once
#include <memory>

#include "base/clock.h"
#include "base/random.h"
#include "base/result.h"
#include "destination/snowflake/snowflake_options.h"
#include "destination/snowflake/sql/sql_client.h"
#include "http/http_client.h"

namespace luge {

/// A verb's own way to Snowflake: signs in, asks, runs statements. For checks and set-up: it gives up within seconds. One thread.
class SnowflakeSession {
 public:
  /// Reads the key; sends nothing yet.
  static Result<std::unique_ptr<SnowflakeSession>> open(const SnowflakeOptions& options);

  HttpClient& http() { return *http_; }
  TokenSource& tokens() { return *tokens_; }
  /// In the role of the options, without a database: names in statements are qualified.
  SqlClient& sql() { return *sql_; }
  const Clock& clock() const { return clock_; }

 private:
  SnowflakeSession();
  SystemClock clock_;
  SeededRandom random_;
  std::unique_ptr<HttpClient> http_;
  std::unique_ptr<TokenSource> tokens_;
  std::unique_ptr<SqlClient> sql_;
};

}  // namespace luge
