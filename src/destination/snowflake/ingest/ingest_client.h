#pragma once
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "destination/snowflake/encode/ndjson_encoder.h"

namespace luge {

/// A named channel of a table's default pipe ("<TABLE>-STREAMING"). Names are Snowflake's, as they are stored, without quotes.
struct ChannelId {
  std::string schema;
  std::string table;
  std::string channel;
  friend auto operator<=>(const ChannelId&, const ChannelId&) = default;
};

/// What Snowflake says of a channel. The counters belong to the channel, not to an opening of it: only differences mean something.
struct ChannelStatus {
  std::string code;                            ///< "SUCCESS" or "ACTIVE": good
  std::optional<std::string> committed_token;  ///< nullopt: nothing committed yet
  std::uint64_t rows_inserted = 0;
  std::uint64_t rows_error_count = 0;
  std::optional<std::string> last_error_token;  ///< upper bound of the newest rejected row
  std::string last_error_message;               ///< may quote a value: never log it
  bool good() const { return code == "SUCCESS" || code == "ACTIVE" || code == "0" || code.empty(); }
};

struct Appended {
  std::size_t rows = 0;   ///< taken; 0: none now
  Duration again_in{0};   ///< with 0 rows: when asking again makes sense (rate limit, back-pressure)
};

/// One transport's way into Snowpipe Streaming: REST, or the official SDK. Belongs to one actor and is used on its thread alone.
/// Calls block for one exchange, not for a series of retries: who retries, how long and how often, is the caller's matter.
///
/// Error codes: "channel_invalid" (somebody else opened it, the server lost it, a sequence broke: open it again and send what is
/// behind its token), "client_invalid" (pipe failed over, or the client is beyond help: make a new one), "table_missing", "auth",
/// "forbidden", "row_too_large", and HttpClient's. Recovery::retry: the same call may succeed later.
class IngestClient {
 public:
  virtual ~IngestClient() = default;

  /// Opens or reopens; older openers are fenced. Waits up to `settle` for rows that an older opener left uncommitted, then opens
  /// without regard to them: the server throws them away.
  virtual Result<ChannelStatus> open(const ChannelId& channel, Duration settle) = 0;

  /// For a caller that does the waiting: asks once, and answers what asking again may change ("uncommitted_rows", "open_in_progress",
  /// "stale_pipe_cache", "pipe_invalid", "table_missing"). `last`: opens without regard to uncommitted rows. A transport that cannot but wait inside
  /// does as open() does.
  virtual Result<ChannelStatus> try_open(const ChannelId& channel, Duration settle, bool /*last*/) { return open(channel, settle); }

  /// Sends rows from `from` on, in order: as many as one request may carry. Taken is not durable: ask statuses().
  /// After Recovery::retry the next append of this channel must offer the same rows again; whatever was sent goes out again
  /// byte for byte under the same request id, so that the server knows it.
  virtual Result<Appended> append(const ChannelId& channel, const EncodedRows& rows, std::size_t from) = 0;

  /// Of several channels of one table; a channel that does not exist is left out.
  virtual Result<std::map<std::string, ChannelStatus>> statuses(const std::string& schema, const std::string& table,
                                                                const std::vector<std::string>& channels) = 0;

  /// Forgets the channel and its token at the server.
  virtual Status drop(const ChannelId& channel) = 0;

  /// Nothing taken waits in this process any more once it returns.
  virtual Status flush() = 0;
};

}  // namespace luge
