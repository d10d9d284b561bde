#include "pipeline/progress_reporter.h"

#include <algorithm>

#include "base/ensure.h"

namespace luge {

namespace {
constexpr Duration kLongestFeedbackInterval = std::chrono::seconds(10);
constexpr Duration kLongestQuietInterval = std::chrono::seconds(20);  // with nothing new to tell; each wakes luge and a walsender
constexpr Duration kIdleSaveInterval = std::chrono::seconds(10);
constexpr Duration kWantedPingInterval = std::chrono::milliseconds(100);
constexpr Duration kLongestPause = std::chrono::seconds(1);
constexpr Duration kShutdownPatience = std::chrono::seconds(5);
}  // namespace

void ProgressReporter::start_session(ReplicationStream& stream, Lsn confirmed_flush, Duration wal_sender_timeout, Instant now) {
  stream_ = &stream;
  session_received_ = confirmed_flush;
  flushed_ = confirmed_flush;
  last_frame_ = now;
  last_feedback_ = now;
  pinged_ = false;
  reply_now_ = false;
  insists_since_.reset();
  stops_since_.reset();
  asked_at_ = {};
  silence_limit_ = wal_sender_timeout;
  // A server at its ease asks once in half of wal_sender_timeout, and not at all when feedback comes by itself.
  longest_pause_ = wal_sender_timeout.count() == 0 ? kLongestPause : std::min<Duration>(kLongestPause, wal_sender_timeout / 4);
  const Duration third = wal_sender_timeout.count() == 0 ? kLongestFeedbackInterval : Duration(wal_sender_timeout / 3);
  feedback_interval_ = std::min(kLongestFeedbackInterval, third);
  quiet_interval_ = std::min(kLongestQuietInterval, third);
  told_ = {};
}

void ProgressReporter::position_received(Lsn position) { session_received_ = std::max(session_received_, position); }

void ProgressReporter::reply_requested(Lsn position, Instant now) {
  reply_now_ = true;
  save_soon_ = true;
  if (position > asked_at_) {  // it goes on sending
    insists_since_.reset();
    if (stops_since_) stops_since_ = now;
  }
  asked_at_ = position;
  if (!insists_since_ || now - last_asked_ > longest_pause_) insists_since_ = now;
  last_asked_ = now;
}

void ProgressReporter::set_server_stops(bool stops, Instant now) {
  if (!stops) {
    stops_since_.reset();
  } else if (!stops_since_) {
    stops_since_ = now;
  }
}

// A walsender ends only when all it has sent is confirmed, or when its client is gone: a fast shutdown would wait for as long as a
// table is held or a destination is down (walsender.c, WalSndDone).
Status ProgressReporter::check_insistence(Instant now) {
  if (insists_since_ && now - last_asked_ > longest_pause_) insists_since_.reset();
  const Instant since = waits_since();
  if (since == kNever || now - since < kShutdownPatience) return ok();
  return make_error(Recovery::reconnect, "server_waits",
                    "the server shuts down and waits until all it has sent is acknowledged, which is not possible now: luge closes its session so "
                    "that the server can stop. Nothing is lost, what is not acknowledged comes again",
                    "luge reconnects by itself; luge status tells whether a table is held, the destination is down, or the pipeline is paused");
}

Status ProgressReporter::save(const AckLedger& ledger, const Checkpoint& last, Instant now) {
  if (saving_) {
    auto answer = state_.try_take_saved();
    if (!answer) return ok();
    saving_ = false;
    if (!*answer) return std::move(*answer).error();
    saved_ = std::max(saved_, **answer);
    if (saved_ >= ledger.complete_through()) save_soon_ = false;
  }
  save_due_.reset();
  const Lsn target = ledger.complete_through();
  if (target <= saved_) return ok();
  const bool data_moved = ledger.durable_checkpoint() != saved_checkpoint_;
  const bool wanted = finishing_ || (wanted_ > saved_ && target >= wanted_);
  const Instant due = last_save_ + (data_moved ? save_interval_ : kIdleSaveInterval);
  if (!save_soon_ && !wanted && now < due) {
    if (data_moved) save_due_ = due;
    return ok();
  }
  // While something is under way nobody keeps which of the transactions since the durable one ended before the target.
  const bool known = ledger.idle() && last.end_lsn <= target;
  if (state_.try_save(target, known ? last.commit_lsn : Lsn{}, ledger.durable_checkpoint())) {
    saving_ = true;
    last_save_ = now;
    saved_checkpoint_ = ledger.durable_checkpoint();
  }
  return ok();
}

Status ProgressReporter::check_silence(Instant now) const {
  if (stream_ == nullptr || silence_limit_.count() == 0) return ok();
  if (now - last_frame_ < silence_limit_) return ok();
  return make_error(Recovery::reconnect, "silent_server", "the server has sent nothing for wal_sender_timeout although it was asked to answer",
                    "check the network between luge and the server; luge reconnects by itself");
}

Status ProgressReporter::report(const AckLedger& ledger, const Checkpoint& last, Instant now) {
  CHECK_OK(save(ledger, last, now));
  if (stream_ == nullptr) return ok();

  const Lsn flush = flush_target();
  ENSURE(flush <= std::max(saved_, flushed_), "feedback beyond the stored intent");
  if (flush > flushed_) {
    insists_since_.reset();
    if (stops_since_) stops_since_ = now;
  }
  CHECK_OK(check_insistence(now));
  const bool silent_half = silence_limit_.count() != 0 && !pinged_ && now - last_frame_ >= silence_limit_ / 2;
  const bool wanted_ping = wanted_ > flushed_ && session_received_ < wanted_ && now - last_feedback_ >= kWantedPingInterval;
  const bool due = reply_now_ || flush > flushed_ || silent_half || wanted_ping || now >= last_feedback_ + interval();
  if (!due) return ok();

  Feedback feedback;
  feedback.written = session_received_;
  feedback.flushed = flush;
  feedback.applied = flush;
  feedback.reply_requested = silent_half || wanted_ping;
  CHECK_OK(stream_->send_feedback(feedback));
  flushed_ = flush;
  told_ = session_received_;
  last_feedback_ = now;
  reply_now_ = false;
  if (feedback.reply_requested && silent_half) pinged_ = true;
  return ok();
}

Instant ProgressReporter::next_due(Instant now) const {
  const Instant save_due = save_due_.value_or(kNever);
  if (stream_ == nullptr) return save_due;
  if (reply_now_) return now;
  Instant due = std::min(save_due, last_feedback_ + interval());
  if (silence_limit_.count() != 0) due = std::min(due, last_frame_ + (pinged_ ? silence_limit_ : silence_limit_ / 2));
  if (wanted_ > flushed_) due = std::min(due, now + kWantedPingInterval);
  if (const Instant since = waits_since(); since < kNever) due = std::min(due, since + kShutdownPatience);
  return due;
}

}  // namespace luge
