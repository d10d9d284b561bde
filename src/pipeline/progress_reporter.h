#pragma once
#include <algorithm>
#include <cstdint>
#include <optional>

#include "acknowledge/ack_ledger.h"
#include "base/clock.h"
#include "base/result.h"
#include "source/replication_stream.h"
#include "state/state_store.h"

namespace luge {

/// Turns durable into confirmed: stores ack_intent first, then sends it as feedback. Never waits for a destination, and never
/// sends a flush position that is not stored (design.md §3 rule 2).
class ProgressReporter {
 public:
  /// `save_interval`: what is durable is stored so often at most. A save is two fdatasyncs, and all it gains is that WAL is freed and not sent again.
  ProgressReporter(StateSink& state, Lsn ack_intent, Duration save_interval) : state_(state), save_interval_(save_interval), saved_(ack_intent) {}

  void start_session(ReplicationStream& stream, Lsn confirmed_flush, Duration wal_sender_timeout, Instant now);
  void end_session() { stream_ = nullptr; }

  /// Any frame at all: the connection lives.
  void frame_arrived(Instant now) {
    last_frame_ = now;
    pinged_ = false;
  }
  /// The stream of this session stands at `position` (Commit.end_lsn or keepalive).
  void position_received(Lsn position);
  /// A keepalive at `position` asked for an answer: one goes out now, another when the position is stored. A server that shuts down
  /// asks again as soon as it has an answer, until the answer confirms all it has sent.
  void reply_requested(Lsn position, Instant now);
  /// Whether the server shuts down as far as others than the stream know: a level, which holds until it is told otherwise, however seldom a
  /// pipeline that reads nothing takes a step.
  void set_server_stops(bool stops, Instant now);
  /// Somebody waits for this acknowledgement: store idle positions without delay, and ask the server for one.
  void want(Lsn position) { wanted_ = std::max(wanted_, position); }
  /// From now on whatever is complete is stored at once.
  void finish() { finishing_ = true; }

  /// The stream was read until nothing more was there. Error: reconnect, when the server has been silent for wal_sender_timeout.
  /// Only a luge that listens may call the server silent.
  Status check_silence(Instant now) const;
  /// Collects a finished save, starts the next, sends feedback that is due. Errors: of the state store, of the stream, or reconnect
  /// when the server waits in vain for a confirmation without which it cannot shut down. `last`: the last transaction that was routed.
  Status report(const AckLedger& ledger, const Checkpoint& last, Instant now);

  /// Last flush position sent.
  Lsn acknowledged() const { return flushed_; }
  Lsn intent_saved() const { return saved_; }
  /// Everything complete is stored and sent.
  bool settled(const AckLedger& ledger) const { return saved_ >= ledger.complete_through() && (stream_ == nullptr || flushed_ >= flush_target()); }
  Instant next_due(Instant now) const;
  /// Somebody wants a position acknowledged, or the server wants to shut down.
  bool is_waited_for() const { return wanted_ > flushed_ || waits_since() < kNever; }

 private:
  Status save(const AckLedger& ledger, const Checkpoint& last, Instant now);
  Status check_insistence(Instant now);
  /// Since when the server cannot shut down for want of a confirmation; kNever: it does not want to.
  Instant waits_since() const { return std::min(insists_since_.value_or(kNever), stops_since_.value_or(kNever)); }
  /// Between two feedbacks that nothing else asks for.
  Duration interval() const { return session_received_ > told_ ? feedback_interval_ : quiet_interval_; }
  Lsn flush_target() const { return std::max(flushed_, std::min(saved_, session_received_)); }

  static constexpr Instant kNever{INT64_MAX};

  StateSink& state_;
  const Duration save_interval_;
  ReplicationStream* stream_ = nullptr;
  Lsn saved_;
  Checkpoint saved_checkpoint_;
  bool saving_ = false;
  bool save_soon_ = false;
  bool finishing_ = false;
  std::optional<Instant> save_due_;  ///< data is durable, and it is too early to say so again
  Instant last_save_;
  Lsn wanted_;

  Lsn session_received_;
  Lsn flushed_;
  Lsn told_;  ///< received, by the last feedback
  bool reply_now_ = false;
  bool pinged_ = false;
  Instant last_frame_;
  Instant last_feedback_;
  std::optional<Instant> insists_since_;  ///< without a pause, and nothing was confirmed meanwhile
  std::optional<Instant> stops_since_;  ///< it is known to shut down, and nothing was confirmed meanwhile
  Instant last_asked_;
  Lsn asked_at_;
  Duration longest_pause_{0};  ///< between two questions of a server that insists
  Duration feedback_interval_{std::chrono::seconds(10)};
  Duration quiet_interval_{std::chrono::seconds(10)};
  Duration silence_limit_{0};
};

}  // namespace luge
