#pragma once
#include <memory>
#include <string>
#include <vector>

#include "destination/snowflake/ingest/ingest_client.h"
#include "destination/snowflake/python/bridge_abi.h"
#include "destination/snowflake/rest/row_packer.h"
#include "destination/snowflake/sdk/sdk_properties.h"

namespace luge {

/// Snowpipe Streaming through Snowflake's own SDK, in the embedded Python: a StreamingIngestClient per table, each with its own connections
/// and buffers. The GIL is held only within a call, and the SDK lets go of it where it waits.
/// The SDK buffers: an accepted row is sent within about 100 ms, or at flush(). Its retries hide what passes within a minute.
/// statuses() may take a second (the SDK refreshes its cache once a second), flush() up to kFlushTimeout: not on the hot path.
class SdkIngestClient final : public IngestClient {
 public:
  static constexpr Duration kFlushTimeout = std::chrono::seconds(30);

  /// Starts the Python bridge if it does not run yet; connects to nothing. `name` is seen in Snowflake's logs.
  /// Error codes: PythonBridge::start's and sdk_properties'.
  static Result<std::unique_ptr<SdkIngestClient>> make(const SnowflakeOptions& options, const std::string& name,
                                                       PythonRows rows = PythonRows::by_version);
  ~SdkIngestClient() override;
  SdkIngestClient(const SdkIngestClient&) = delete;
  SdkIngestClient& operator=(const SdkIngestClient&) = delete;

  /// `settle`: whole seconds, at least one; that of the table's first open channel counts for all.
  Result<ChannelStatus> open(const ChannelId& channel, Duration settle) override;
  Result<Appended> append(const ChannelId& channel, const EncodedRows& rows, std::size_t from) override;
  Result<std::map<std::string, ChannelStatus>> statuses(const std::string& schema, const std::string& table,
                                                        const std::vector<std::string>& channels) override;
  Status drop(const ChannelId& channel) override;
  Status flush() override;

 private:
  Result<Appended> append_piece(const ChannelId& channel, const EncodedRows& rows, std::size_t from);

  SdkIngestClient(const PythonApi* api, PythonSession* session, std::string endpoint)
      : api_(api), session_(session), endpoint_(std::move(endpoint)) {}

  const PythonApi* api_;
  PythonSession* session_;
  std::string endpoint_;
  std::vector<std::size_t> ends_;  ///< of the lines of one piece
  RowPacker packer_;
  Buffer packed_;
};

}  // namespace luge
