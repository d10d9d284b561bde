#include "destination/snowflake/sdk/sdk_ingest_client.h"

#include <algorithm>

#include "destination/snowflake/encode/offset_token.h"
#include "destination/snowflake/sdk/python_bridge.h"
#include "destination/snowflake/sdk/sdk_error.h"

namespace luge {

namespace {

/// Of one call of the SDK: above 64 KiB its own threads work up to twice as long for a row (docs/decisions/0010-python-bridge.md).
constexpr std::size_t kMostRows = 1000;
constexpr std::size_t kMostBytes = 64 * 1024;
/// Of one append(): about two of the SDK's requests.
constexpr std::size_t kMostBytesTogether = 4 * 1024 * 1024;
/// A row above 16 MB would leave rows mode; one above kSurelySmall is compressed to see whether a request can carry it.
constexpr std::size_t kLargestRow = 15 * 1024 * 1024;
constexpr std::size_t kSurelySmall = 3'900'000;

PythonText text_of(std::string_view text) { return {text.data(), text.size()}; }
PythonChannelName name_of(const ChannelId& id) { return {text_of(id.schema), text_of(id.table), text_of(id.channel)}; }
std::string to_text(const ChannelId& id) { return id.schema + "." + id.table + "/" + id.channel; }

ChannelStatus status_of(const PythonChannelStatus& told) {
  ChannelStatus status;
  status.code.assign(told.code.data, told.code.size);
  if (told.committed_token.data != nullptr) status.committed_token.emplace(told.committed_token.data, told.committed_token.size);
  if (told.last_error_token.data != nullptr) status.last_error_token.emplace(told.last_error_token.data, told.last_error_token.size);
  if (told.last_error_message.data != nullptr) status.last_error_message.assign(told.last_error_message.data, told.last_error_message.size);
  status.rows_inserted = told.rows_inserted;
  status.rows_error_count = told.rows_error_count;
  return status;
}

std::int64_t whole_seconds(Duration duration) { return std::max<std::int64_t>(1, std::chrono::ceil<std::chrono::seconds>(duration).count()); }

}  // namespace

Result<std::unique_ptr<SdkIngestClient>> SdkIngestClient::make(const SnowflakeOptions& options, const std::string& name, PythonRows rows) {
  TRY(const SdkProperties properties, sdk_properties(options));
  TRY(const PythonApi* api, PythonBridge::start({.python = options.python, .ca_file = options.ca_file, .needs_pyarrow = !options.transform.empty()}));
  std::vector<PythonText> texts;
  for (const auto& [key, value] : properties) {
    texts.push_back(text_of(key));
    texts.push_back(text_of(value));
  }
  PythonFailure failure{};
  PythonSession* const session = api->open_session(text_of(name), text_of(options.database), texts.data(), properties.size(), rows, &failure);
  const std::string endpoint = properties.at("host") + ":" + properties.at("port");
  if (session == nullptr) return sdk_error(failure, StreamingCall::session, "import the Snowpipe Streaming SDK", endpoint);
  return std::unique_ptr<SdkIngestClient>(new SdkIngestClient(api, session, endpoint));
}

SdkIngestClient::~SdkIngestClient() { api_->close_session(session_); }

Result<ChannelStatus> SdkIngestClient::open(const ChannelId& channel, Duration settle) {
  const PythonChannelName name = name_of(channel);
  ChannelStatus status;
  const auto visit = [](void* context, const PythonChannelStatus* told) { *static_cast<ChannelStatus*>(context) = status_of(*told); };
  PythonFailure failure{};
  if (!api_->open_channel(session_, &name, whole_seconds(settle), visit, &status, &failure))
    return sdk_error(failure, StreamingCall::open, "open " + to_text(channel), endpoint_);
  return status;
}

Result<Appended> SdkIngestClient::append(const ChannelId& channel, const EncodedRows& rows, std::size_t from) {
  std::size_t next = from;
  while (next < rows.rows.size() && (next == from || rows.rows[next - 1].end - rows.rows[from].end < kMostBytesTogether)) {
    const Result<Appended> piece = append_piece(channel, rows, next);
    if (!piece || piece->rows == 0) {
      if (next == from) return piece;
      break;  // what was taken is taken; the next call meets the refusal again
    }
    next += piece->rows;
  }
  return Appended{next - from, Duration(0)};
}

Result<Appended> SdkIngestClient::append_piece(const ChannelId& channel, const EncodedRows& rows, std::size_t from) {
  const std::size_t begin = rows.begin(from);
  if (const std::size_t size = rows.line(from).size(); size > kLargestRow || (size > kSurelySmall && packer_.pack(rows, from, packed_) == 0)) {
    return row_too_large("append to " + to_text(channel));
  }
  ends_.clear();
  std::size_t next = from;
  do {
    ends_.push_back(rows.rows[next].end - begin);
    ++next;
  } while (next < rows.rows.size() && next - from < kMostRows && rows.rows[next].end - begin <= kMostBytes);

  const std::string first = offset_token(rows.rows[from].position);
  const std::string last = offset_token(rows.rows[next - 1].position);
  const PythonChannelName name = name_of(channel);
  const PythonLines lines{reinterpret_cast<const char*>(rows.text.data()) + begin, ends_.data(), ends_.size(), text_of(first), text_of(last)};
  std::int64_t again_in_us = 0;
  PythonFailure failure{};
  if (!api_->append(session_, &name, &lines, &again_in_us, &failure))
    return sdk_error(failure, StreamingCall::append, "append to " + to_text(channel), endpoint_);
  if (again_in_us > 0) return Appended{0, Duration(again_in_us)};
  return Appended{next - from, Duration(0)};
}

Result<std::map<std::string, ChannelStatus>> SdkIngestClient::statuses(const std::string& schema, const std::string& table,
                                                                       const std::vector<std::string>& channels) {
  std::vector<PythonText> names;
  for (const std::string& channel : channels) names.push_back(text_of(channel));
  std::map<std::string, ChannelStatus> found;
  const auto visit = [](void* context, const PythonChannelStatus* told) {
    static_cast<std::map<std::string, ChannelStatus>*>(context)->emplace(std::string(told->channel.data, told->channel.size), status_of(*told));
  };
  PythonFailure failure{};
  if (!api_->statuses(session_, text_of(schema), text_of(table), names.data(), names.size(), visit, &found, &failure)) {
    return sdk_error(failure, StreamingCall::status, "ask for the channels of " + schema + "." + table, endpoint_);
  }
  return found;
}

Status SdkIngestClient::drop(const ChannelId& channel) {
  const PythonChannelName name = name_of(channel);
  PythonFailure failure{};
  if (!api_->drop_channel(session_, &name, &failure)) return sdk_error(failure, StreamingCall::drop, "drop " + to_text(channel), endpoint_);
  return ok();
}

Status SdkIngestClient::flush() {
  PythonFailure failure{};
  if (!api_->flush(session_, whole_seconds(kFlushTimeout), &failure)) return sdk_error(failure, StreamingCall::append, "flush", endpoint_);
  return ok();
}

}  // namespace luge
