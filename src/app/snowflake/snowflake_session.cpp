#include "app/snowflake/snowflake_session.h"

#include <random>
#include <thread>

#include "destination/snowflake/snowflake_connection.h"
#include "http/curl_client.h"

namespace luge {

namespace {
constexpr Duration kConnectTimeout = std::chrono::seconds(5);
}  // namespace

SnowflakeSession::SnowflakeSession() : random_(std::random_device{}()) {}

Result<std::unique_ptr<SnowflakeSession>> SnowflakeSession::open(const SnowflakeOptions& options) {
  std::unique_ptr<SnowflakeSession> session(new SnowflakeSession());
  CurlOptions curl;
  curl.ca_file = options.ca_file;
  curl.connect_timeout = kConnectTimeout;
  session->http_ = std::make_unique<CurlClient>(std::move(curl));
  // No role in the token: whether the role is granted is one of the questions.
  TRY(session->tokens_, snowflake_tokens(options, "", session->clock_));
  SqlSettings settings;
  settings.url = options.url;
  settings.warehouse = options.warehouse;
  settings.role = options.role;
  session->sql_ =
      std::make_unique<SqlClient>(*session->http_, *session->tokens_, std::move(settings), session->clock_, session->random_, [](Duration delay) {
        std::this_thread::sleep_for(delay);
        return true;
      });
  return session;
}

}  // namespace luge
