#pragma once
#include <cstdint>
#include <optional>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"
#include "model/lsn.h"

namespace luge {

/// One frame of CopyBoth (protocol-replication: XLogData, Primary keepalive message).
struct WalFrame {
  enum class Kind : std::uint8_t { data, keepalive };
  Kind kind = Kind::data;
  Lsn wal_end;                  ///< keepalive: the sender's position; data: not a progress value, may be 0/0
  PgTimestamp send_time;
  bool reply_requested = false;
  std::string_view payload;     ///< pgoutput message; valid until the next try_receive
};

/// Standby status update. Only `flushed` moves the slot.
struct Feedback {
  Lsn written;
  Lsn flushed;
  Lsn applied;
  bool reply_requested = false;
};

/// What was negotiated when the stream was started.
struct StreamOptions {
  int protocol_version = 1;
  bool streaming = false;
  bool binary = false;
};

/// The slot's stream. One thread; nothing here ever waits.
class ReplicationStream {
 public:
  virtual ~ReplicationStream() = default;
  /// A frame that has arrived, or nullopt: nothing yet. Errors: reconnect (connection lost, server shut down) or stop_pipeline.
  virtual Result<std::optional<WalFrame>> try_receive() = 0;
  virtual Status send_feedback(const Feedback& feedback) = 0;
  /// True while feedback bytes wait for the socket to become writable.
  virtual bool wants_write() const = 0;
  virtual int readable_fd() const = 0;
  virtual const StreamOptions& options() const = 0;
};

}  // namespace luge
