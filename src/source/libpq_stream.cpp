#include "source/libpq_stream.h"

#include "base/log.h"
#include "postgres/sql_quoting.h"
#include "postgres/sqlstate.h"
#include "source/frame.h"

namespace luge {

namespace {

// libpq asks the kernel for as much as its buffer holds, begins with 16 KiB and never shrinks: one large value makes every later
// recv() of the stream large too, which is where a consumer's CPU goes. 256 KiB of value makes a buffer of 512 KiB.
constexpr const char* kGrowReceiveBuffer = "SELECT pg_catalog.repeat('x', 262144)";

}  // namespace

StreamOptions negotiate(const StreamRequest& request, int server_version) {
  StreamOptions options;
  const int major = server_version / 10000;
  options.protocol_version = major >= 16 ? 4 : major == 15 ? 3 : major == 14 ? 2 : 1;
  options.streaming = request.streaming && major >= 14;
  options.binary = request.binary && major >= 14;
  return options;
}

std::string start_replication_command(const StreamRequest& request, const StreamOptions& options, int server_version) {
  // publication_names is a list of identifiers inside a string literal (pgoutput.c, SplitIdentifierString).
  std::string command = "START_REPLICATION SLOT " + quote_identifier(request.slot) + " LOGICAL 0/0 (proto_version '" +
                        std::to_string(options.protocol_version) + "', publication_names " + quote_literal(quote_identifier(request.publication));
  if (options.streaming) command += ", streaming 'on'";  // never 'parallel': it changes the layout of Stream Abort
  if (options.binary) command += ", binary 'true'";
  if (request.origin_any && server_version >= 160000) command += ", origin 'any'";
  return command + ")";
}

Result<std::unique_ptr<LibpqStream>> LibpqStream::start(Connection connection, const StreamRequest& request, const Clock& clock) {
  const StreamOptions options = negotiate(request, connection.server_version());
  CHECK_OK(connection.exec(kGrowReceiveBuffer));
  if (Status started = connection.start_copy_both(start_replication_command(request, options, connection.server_version())); !started) {
    Error error = std::move(started).error();
    if (error.code == sqlstate::kObjectInUse) {
      error.hint =
          "another session reads the slot: a second luge, or this one's old walsender until wal_sender_timeout; SELECT active_pid FROM "
          "pg_replication_slots WHERE slot_name = " +
          quote_literal(request.slot);
    }
    return error;
  }
  return std::unique_ptr<LibpqStream>(new LibpqStream(std::move(connection), options, clock));
}

Result<std::optional<WalFrame>> LibpqStream::try_receive() {
  while (true) {
    TRY(const std::optional<std::string_view> data, connection_.try_copy_data());
    if (!data) return std::optional<WalFrame>{};
    bytes_received_ += data->size();
    TRY(std::optional<WalFrame> frame, parse_frame(*data));
    if (frame) return frame;
    if (unknown_frames_++ == 0) {
      log_event(LogLevel::warn, "unknown_frame", "the replication stream carries messages luge does not know; they are ignored",
                {{"first_byte", static_cast<int>(static_cast<unsigned char>(data->front()))}});
    }
  }
}

Status LibpqStream::send_feedback(const Feedback& feedback) { return connection_.put_copy_data(encode_feedback(feedback, clock_.wall_now())); }

}  // namespace luge
