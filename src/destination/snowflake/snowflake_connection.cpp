#include "destination/snowflake/snowflake_connection.h"

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <utility>

#include "destination/snowflake/auth/oauth_grant.h"
#include "destination/snowflake/auth/shared_oauth_tokens.h"
#include "destination/snowflake/rest/rest_ingest_client.h"
#include "destination/snowflake/sdk/sdk_ingest_client.h"

namespace luge {

namespace {

CurlOptions curl_options(const SnowflakeOptions& options, std::stop_token stop) {
  CurlOptions curl;
  curl.ca_file = options.ca_file;
  curl.user_agent = kStreamingUserAgent;
  curl.stop = std::move(stop);
  return curl;
}

/// False: stop was requested.
bool pause(const std::stop_token& stop, Duration length) {
  std::mutex mutex;
  std::condition_variable_any never;
  std::unique_lock lock(mutex);
  never.wait_for(lock, stop, length, [] { return false; });
  return !stop.stop_requested();
}

std::uint64_t new_seed() {
  return static_cast<std::uint64_t>(std::chrono::steady_clock::now().time_since_epoch().count()) ^
         (static_cast<std::uint64_t>(std::chrono::system_clock::now().time_since_epoch().count()) << 20);
}

SqlSettings sql_settings(const SnowflakeOptions& options) {
  SqlSettings settings;
  settings.url = options.url;
  settings.database = options.database;
  settings.schema = options.schema;
  settings.warehouse = options.warehouse;
  settings.role = options.role;
  return settings;
}

/// RestIngestClient with what it borrows.
class OwningRestClient final : public IngestClient {
 public:
  OwningRestClient(const SnowflakeOptions& options, std::shared_ptr<StreamingSession> session, const Clock& clock, const std::stop_token& stop)
      : random_(new_seed()),
        http_(curl_options(options, stop)),
        client_(
            http_, std::move(session), options.database, clock, random_, [stop](Duration length) { return pause(stop, length); }, options.answer) {}

  Result<ChannelStatus> open(const ChannelId& channel, Duration settle) override { return client_.open(channel, settle); }
  Result<ChannelStatus> try_open(const ChannelId& channel, Duration settle, bool last) override { return client_.try_open(channel, settle, last); }
  Result<Appended> append(const ChannelId& channel, const EncodedRows& rows, std::size_t from) override {
    return client_.append(channel, rows, from);
  }
  Result<std::map<std::string, ChannelStatus>> statuses(const std::string& schema, const std::string& table,
                                                        const std::vector<std::string>& channels) override {
    return client_.statuses(schema, table, channels);
  }
  Status drop(const ChannelId& channel) override { return client_.drop(channel); }
  Status flush() override { return client_.flush(); }

 private:
  SeededRandom random_;
  CurlClient http_;
  RestIngestClient client_;
};

}  // namespace

SqlSession::SqlSession(const SnowflakeOptions& options, TokenSource& tokens, const Clock& clock, std::stop_token stop)
    : stop_(std::move(stop)),
      random_(new_seed()),
      http_(curl_options(options, stop_)),
      client_(http_, tokens, sql_settings(options), clock, random_, [this](Duration length) { return pause(stop_, length); }) {}

Result<std::unique_ptr<TokenSource>> snowflake_tokens(const SnowflakeOptions& options, const std::string& role, const Clock& clock) {
  if (!options.pat.empty()) return std::unique_ptr<TokenSource>(std::make_unique<GivenToken>(options.pat, "PROGRAMMATIC_ACCESS_TOKEN"));
  if (!options.oauth_token.empty()) return std::unique_ptr<TokenSource>(std::make_unique<GivenToken>(options.oauth_token, "OAUTH"));
  if (!options.oauth_client_id.empty()) return shared_oauth_tokens(oauth_grant(options), options.ca_file);
  if (options.private_key_file.empty()) {
    return fatal("credentials", "the section snowflake names no credentials",
                 "give private_key_file (luge snowflake init makes one), pat, oauth_client_id or oauth_token");
  }
  TRY(KeyPair key, KeyPair::load(options.private_key_file, options.private_key_passphrase));
  return std::unique_ptr<TokenSource>(std::make_unique<KeyPairTokens>(std::move(key), options.account, options.user, role, clock));
}

Result<std::shared_ptr<SnowflakeConnection>> SnowflakeConnection::make(const SnowflakeOptions& options, const Clock& clock) {
  std::shared_ptr<SnowflakeConnection> connection(new SnowflakeConnection(options, clock));
  TRY(connection->tokens_, snowflake_tokens(options, options.role, clock));
  connection->session_ = std::make_shared<StreamingSession>(options.url, *connection->tokens_, clock);
  return connection;
}

std::unique_ptr<SqlSession> SnowflakeConnection::sql(std::stop_token stop) const {
  return std::make_unique<SqlSession>(options_, *tokens_, clock_, std::move(stop));
}

Result<std::unique_ptr<IngestClient>> SnowflakeConnection::rest_client(const std::stop_token& stop) const {
  return std::unique_ptr<IngestClient>(std::make_unique<OwningRestClient>(options_, session_, clock_, stop));
}

Result<std::unique_ptr<IngestClient>> SnowflakeConnection::ingest_client(const std::stop_token& stop) const {
  if (options_.transport == SnowflakeOptions::Transport::rest) return rest_client(stop);
  TRY(std::unique_ptr<SdkIngestClient> client, SdkIngestClient::make(options_, "luge"));
  return std::unique_ptr<IngestClient>(std::move(client));
}

}  // namespace luge
