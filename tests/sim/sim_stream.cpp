#include "sim/sim_stream.h"

namespace luge {

void SimStream::hang_up() {
  if (!slot_freed_) server_.slot_active = false;
  slot_freed_ = true;
}

void SimStream::cut() {
  cut_ = true;
  hang_up();
}

void SimStream::run() {
  if (slot_freed_) return;
  if (!server_.up() || !server_.slot().exists) return cut();
  if (!black_hole_ && !cut_) sender_.run();
  if (sender_.timed_out()) {
    dropped_for_silence_ = !black_hole_;
    trace_([] { return std::string("server  drops the silent client"); });
    if (black_hole_) {
      hang_up();  // the client does not hear of it
    } else {
      cut();
    }
  }
}

Result<std::optional<WalFrame>> SimStream::try_receive() {
  if (cut_) return make_error(Recovery::reconnect, "08006", "the connection was lost");
  if (!readable()) return std::optional<WalFrame>();
  current_ = sender_.take();
  if (!current_.legal_position.is_zero()) oracle_.position_delivered(current_.legal_position);
  if (!current_.commit_lsn.is_zero()) {
    oracle_.transaction_delivered(current_.commit_lsn);
    owner_.delivered = current_.commit_lsn;
  }
  trace_([&] {
    if (current_.kind == WalFrame::Kind::keepalive)
      return "wire    keepalive " + to_string(current_.wal_end) + (current_.reply_requested ? " reply requested" : "");
    static constexpr char kHex[] = "0123456789abcdef";
    std::string line =
        std::string("wire    ") + current_.payload[0] + (current_.commit_lsn.is_zero() ? "" : " " + to_string(current_.commit_lsn)) + " ";
    for (std::size_t i = 1; i < current_.payload.size() && i < 40; ++i) {
      const char c = current_.payload[i];
      if (c >= ' ' && c < 127) {
        line += c;
      } else {
        line += '.';
        line += kHex[(c >> 4) & 15];
        line += kHex[c & 15];
      }
    }
    return line;
  });
  WalFrame frame;
  frame.kind = current_.kind;
  frame.wal_end = current_.wal_end;
  frame.send_time = PgTimestamp{now_.micros};
  frame.reply_requested = current_.reply_requested;
  frame.payload = current_.payload;
  return std::optional<WalFrame>(frame);
}

Status SimStream::send_feedback(const Feedback& feedback) {
  if (cut_) return make_error(Recovery::reconnect, "08006", "the connection was lost");
  if (black_hole_) return ok();
  trace_([&] { return "wire    feedback " + to_string(feedback.flushed) + (feedback.reply_requested ? " reply requested" : ""); });
  const bool owner = state_.is_newest(owner_.fence);
  oracle_.feedback(feedback.flushed, state_.intent(), owner, owner ? Lsn{} : state_.intent_when_fenced(owner_.fence));
  ++feedbacks_;
  server_.slot().confirmed = std::max(server_.slot().confirmed, feedback.flushed);
  sender_.reply(feedback);
  return ok();
}

}  // namespace luge
