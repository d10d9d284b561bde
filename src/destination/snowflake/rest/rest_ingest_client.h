#pragma once
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/random.h"
#include "base/retry_policy.h"
#include "destination/snowflake/ingest/ingest_client.h"
#include "destination/snowflake/rest/channel_pace.h"
#include "destination/snowflake/rest/row_packer.h"
#include "destination/snowflake/rest/streaming_error.h"
#include "destination/snowflake/rest/streaming_session.h"
#include "http/http_client.h"

namespace luge {

/// IngestClient over the documented REST interface of Snowpipe Streaming v2 (snowflake.md §1): NDJSON, zstd, one request in flight.
///
/// A request whose outcome is not known is sent again, bytes and id, by the next append of its channel; only then does the chain of
/// continuation tokens go on. Of such a request the address and a digest are kept and the body is made again from the rows: an outage of
/// Snowflake would otherwise cost 4 MB of memory for every channel. Rows are never sent under a token that may have been consumed by other rows: the server would drop them and say
/// 200. Error codes beside IngestClient's: "unavailable", "rate_limited", "open_in_progress", "uncommitted_rows", "stale_pipe_cache", "protocol"
/// (all Recovery::retry), "pipe_invalid", "pipe_kind" (quarantine_table), "refused" (stop_pipeline). "channel_invalid" and "client_invalid" are
/// Recovery::reconnect.
class RestIngestClient final : public IngestClient {
 public:
  /// False: stop waiting.
  using Pause = std::function<bool(Duration)>;
  /// A third of luge's CPU went into level 1. With this one NDJSON is still 5.5 times smaller (it was 9), and what a channel may take in a second
  /// counts unpacked bytes. `make bench-snowflake` shows CPU and bytes.
  static constexpr int kZstdLevel = -2;

  /// `http`, `clock` and `random` belong to the actor and must outlive it; `session` is shared. `database`: as it is stored, without quotes.
  /// `answer`: a request that has none after so long has failed.
  RestIngestClient(HttpClient& http, std::shared_ptr<StreamingSession> session, std::string database, const Clock& clock, Random& random, Pause pause,
                   Duration answer = std::chrono::seconds(90), int zstd_level = kZstdLevel);

  Result<ChannelStatus> open(const ChannelId& channel, Duration settle) override;
  Result<ChannelStatus> try_open(const ChannelId& channel, Duration settle, bool last) override;
  Result<Appended> append(const ChannelId& channel, const EncodedRows& rows, std::size_t from) override;
  Result<std::map<std::string, ChannelStatus>> statuses(const std::string& schema, const std::string& table,
                                                        const std::vector<std::string>& channels) override;
  Status drop(const ChannelId& channel) override;
  /// Nothing ever waits here.
  Status flush() override { return ok(); }

 private:
  /// An append that was made and is not answered for good.
  struct Prepared {
    std::string path;  ///< with its query
    std::size_t rows = 0;
    std::size_t plain_bytes = 0;
    std::size_t room = 0;  ///< RowPacker::room()
    std::size_t digest = 0;  ///< of the body
    Position first;
    Position last;
    bool unknown = false;  ///< the server may have taken it
  };
  struct Channel {
    std::string continuation_token;
    std::string server_name;
    std::string sticky;  ///< x-snowflake-session
    ChannelPace pace;
    RetryPolicy slow_down{{std::chrono::milliseconds(200), std::chrono::seconds(10), std::chrono::minutes(1)}};
    std::optional<Prepared> prepared;
  };
  struct Exchange {
    HttpResponse response;
    StreamingAnswer answer;
    StreamingVerdict verdict = StreamingVerdict::accepted;
  };

  std::string pipe_path(const std::string& schema, const std::string& table, bool data) const;
  std::string channel_path(const ChannelId& channel, bool data) const;
  Result<Exchange> exchange(StreamingCall call, HttpRequest::Method method, const std::string& path, HttpHeaders headers, std::string_view body);
  Result<ChannelStatus> opened(const ChannelId& id, const Exchange& done, const std::string& what);
  /// Fills body_ with the rows of the channel's request that has no outcome. False: they are not the same rows.
  bool repeat(const Prepared& prepared, const EncodedRows& rows, std::size_t from);
  bool prepare(const ChannelId& id, Channel& channel, const EncodedRows& rows, std::size_t from);
  Error lost(const ChannelId& id, StreamingVerdict verdict, const StreamingAnswer& answer, const std::string& what);

  HttpClient& http_;
  const std::shared_ptr<StreamingSession> session_;
  const std::string database_;
  const Clock& clock_;
  Random& random_;
  const Pause pause_;
  const Duration answer_;
  RowPacker packer_;
  Buffer body_;  ///< of the request that is being made
  std::map<ChannelId, Channel> channels_;
};

}  // namespace luge
