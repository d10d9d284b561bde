#pragma once
#include <chrono>
#include <gtest/gtest.h>
#include <memory>
#include <string>
#include <thread>

#include "base/clock.h"
#include "base/random.h"
#include "destination/snowflake/auth/key_pair.h"
#include "destination/snowflake/encode/offset_token.h"
#include "destination/snowflake/rest/rest_ingest_client.h"
#include "http/curl_client.h"

namespace luge {

/// A session with the key of the emulator's user, and clients that share it, on real clocks.
class EmulatorWay {
 public:
  EmulatorWay(const std::string& url, const std::string& private_key_file, const std::string& ca_file = "")
      : tokens_(KeyPair::load(private_key_file, "").value(), "LUGE", "LUGE", "", clock_),
        session_(std::make_shared<StreamingSession>(url, tokens_, clock_)),
        http_([&] {
          CurlOptions options;
          options.ca_file = ca_file;
          return options;
        }()) {}

  std::unique_ptr<RestIngestClient> client() { return client(http_); }
  std::unique_ptr<RestIngestClient> client(HttpClient& http, Duration answer = std::chrono::seconds(90)) {
    const auto pause = [](Duration delay) {
      std::this_thread::sleep_for(delay);
      return true;
    };
    return std::make_unique<RestIngestClient>(http, session_, "DB", clock_, random_, pause, answer);
  }
  std::unique_ptr<RestIngestClient> impatient_client(Duration answer) { return client(http_, answer); }
  StreamingSession& session() { return *session_; }

 private:
  SystemClock clock_;
  SeededRandom random_{static_cast<std::uint64_t>(clock_.now().micros)};
  KeyPairTokens tokens_;
  std::shared_ptr<StreamingSession> session_;
  CurlClient http_;
};

/// Sends all rows, waiting where the client says so; the first error ends it.
inline Status send_all(IngestClient& client, const ChannelId& id, const EncodedRows& rows, std::size_t from = 0) {
  while (from < rows.rows.size()) {
    TRY(const Appended appended, client.append(id, rows, from));
    from += appended.rows;
    if (appended.rows == 0) std::this_thread::sleep_for(appended.again_in);
  }
  return ok();
}

inline ChannelStatus status_of(IngestClient& client, const ChannelId& id) {
  auto statuses = client.statuses(id.schema, id.table, {id.channel});
  if (!statuses || !statuses->contains(id.channel)) {
    ADD_FAILURE() << (statuses ? "the channel is not there" : statuses.error().message());
    return {};
  }
  return statuses->at(id.channel);
}

/// Until the last of `rows` is committed.
inline ChannelStatus wait_committed(IngestClient& client, const ChannelId& id, const EncodedRows& rows) {
  const std::string token = offset_token(rows.rows.back().position);
  ChannelStatus status;
  for (int attempt = 0; attempt < 1000 && status.committed_token != token; ++attempt) {
    status = status_of(client, id);
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  EXPECT_EQ(status.committed_token, token);
  return status;
}

}  // namespace luge
