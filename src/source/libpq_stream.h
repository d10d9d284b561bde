#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "postgres/connection.h"
#include "source/replication_stream.h"

namespace luge {

/// What luge asks of the walsender; what the server cannot do is left out (negotiate()).
struct StreamRequest {
  std::string slot;
  std::string publication;
  bool streaming = true;  ///< open transactions arrive in blocks (14+)
  bool binary = false;    ///< values in their send format (14+); exact only if every column has a binary reader
  bool origin_any = false;  ///< say origin 'any' explicitly (16+)
};

/// The highest protocol the server speaks: 13: 1, 14: 2, 15: 3, 16 and later: 4.
StreamOptions negotiate(const StreamRequest& request, int server_version);

/// START_REPLICATION at 0/0, which means the slot's confirmed_flush_lsn (walsender.c StartLogicalReplication).
std::string start_replication_command(const StreamRequest& request, const StreamOptions& options, int server_version);

/// The walsender's stream over libpq. One thread; nothing waits after start().
/// A frame's payload lies in the buffer libpq allocated for its CopyData: no copy is made, and the next try_receive frees it.
class LibpqStream final : public ReplicationStream {
 public:
  /// `connection` is of kind replication, and normally the one on which the session's facts were read. Errors beside the connection's:
  /// retry 55006: the slot is in use; stop_pipeline 42704: no such slot or publication, 55000: the slot is lost.
  static Result<std::unique_ptr<LibpqStream>> start(Connection connection, const StreamRequest& request, const Clock& clock);

  Result<std::optional<WalFrame>> try_receive() override;
  Status send_feedback(const Feedback& feedback) override;
  bool wants_write() const override { return connection_.wants_write(); }
  int readable_fd() const override { return connection_.socket(); }
  const StreamOptions& options() const override { return options_; }

  /// Sends more of the feedback that waits. Call when the socket is writable; try_receive does it too.
  Status flush() { return connection_.flush(); }
  std::uint64_t bytes_received() const { return bytes_received_; }
  std::uint64_t unknown_frames() const { return unknown_frames_; }

 private:
  LibpqStream(Connection connection, StreamOptions options, const Clock& clock)
      : connection_(std::move(connection)), options_(options), clock_(clock) {}

  Connection connection_;
  StreamOptions options_;
  const Clock& clock_;
  std::uint64_t bytes_received_ = 0;
  std::uint64_t unknown_frames_ = 0;
};

}  // namespace luge
