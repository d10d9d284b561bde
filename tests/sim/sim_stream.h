#pragma once
#include <memory>
#include <string>

#include "sim/oracle.h"
#include "sim/sim_state.h"
#include "sim/wal_sender.h"
#include "source/replication_stream.h"

namespace luge {

/// The client's end of one replication connection. Fault model: cut at any frame; a black hole swallows both directions.
class SimStream final : public ReplicationStream {
 public:
  struct Owner {
    Fence fence = 0;
    Lsn delivered;           ///< commit_lsn of the last transaction that its stream delivered in this session
  };

  SimStream(SimPostgres& server, SimStateStore& state, Oracle& oracle, Owner& owner, bool streaming, Dice dice, const Instant& now,
            const Trace& trace, Marks& marks)
      : server_(server),
        state_(state),
        oracle_(oracle),
        owner_(owner),
        options_{2, streaming, false},
        sender_(server, streaming, dice, now, marks),
        trace_(trace),
        now_(now) {
    server_.slot_active = true;
  }
  ~SimStream() override { hang_up(); }

  Result<std::optional<WalFrame>> try_receive() override;
  Status send_feedback(const Feedback& feedback) override;
  bool wants_write() const override { return false; }
  int readable_fd() const override { return -1; }
  const StreamOptions& options() const override { return options_; }

  /// The server's side: decodes, asks, and gives up on a silent client.
  void run();
  bool readable() const { return cut_ || (!black_hole_ && sender_.has_arrived()); }
  bool connected() const { return !cut_; }
  bool swallowed() const { return black_hole_; }
  Instant next_due() const { return cut_ || black_hole_ ? Instant{INT64_MAX} : sender_.next_due(); }
  /// The server gave up on us although nothing was wrong with the network.
  bool dropped_for_silence() const { return dropped_for_silence_; }

  std::uint64_t feedbacks() const { return feedbacks_; }

  void cut();
  void swallow() { black_hole_ = true; }

 private:
  void hang_up();

  SimPostgres& server_;
  SimStateStore& state_;
  Oracle& oracle_;
  Owner& owner_;
  const StreamOptions options_;
  WalSender sender_;
  const Trace& trace_;
  const Instant& now_;
  SentFrame current_;  ///< its payload is lent out
  std::uint64_t feedbacks_ = 0;
  bool cut_ = false;
  bool slot_freed_ = false;
  bool black_hole_ = false;
  bool dropped_for_silence_ = false;
};

}  // namespace luge
