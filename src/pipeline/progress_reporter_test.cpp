#include "pipeline/progress_reporter.h"

#include <gtest/gtest.h>
#include <vector>

namespace luge {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

class Stream final : public ReplicationStream {
 public:
  Result<std::optional<WalFrame>> try_receive() override { return std::optional<WalFrame>{}; }
  Status send_feedback(const Feedback& feedback) override {
    sent.push_back(feedback);
    return ok();
  }
  bool wants_write() const override { return false; }
  int readable_fd() const override { return -1; }
  const StreamOptions& options() const override { return options_; }

  std::vector<Feedback> sent;

 private:
  StreamOptions options_;
};

/// Stores at once.
class State final : public StateSink {
 public:
  bool try_save(Lsn ack_intent, Lsn /*quiet_since*/, const Checkpoint& /*checkpoint*/) override {
    saved_ = ack_intent;
    return true;
  }
  std::optional<Result<Lsn>> try_take_saved() override {
    if (!saved_) return std::nullopt;
    return Result<Lsn>(*std::exchange(saved_, std::nullopt));
  }

 private:
  std::optional<Lsn> saved_;
};

class ProgressReporterTest : public testing::Test {
 protected:
  ProgressReporterTest() { start(seconds(60)); }
  void start(Duration wal_sender_timeout) { reporter_.start_session(stream_, Lsn{100}, wal_sender_timeout, now_); }

  /// One step: the server's keepalive, then the report. False: reconnect.
  bool step(bool reply_requested, Lsn wal_end = Lsn{200}) {
    reporter_.frame_arrived(now_);
    if (reply_requested) reporter_.reply_requested(wal_end, now_);
    reporter_.position_received(wal_end);
    ledger_.received(wal_end);
    return report();
  }
  bool report() {
    const Status reported = reporter_.report(ledger_, {}, now_);
    if (reported) return true;
    EXPECT_EQ(reported.error().code, "server_waits");
    EXPECT_EQ(reported.error().recovery, Recovery::reconnect);
    return false;
  }
  /// How long the session lives when the server asks again `pause` after each answer; at most a minute.
  Duration lives_while_asked_every(Duration pause) {
    const Instant begin = now_;
    while (now_ - begin < seconds(60)) {
      if (!step(true)) return now_ - begin;
      now_ = now_ + pause;
    }
    return now_ - begin;
  }

  Stream stream_;
  State state_;
  AckLedger ledger_{Lsn{100}};
  ProgressReporter reporter_{state_, Lsn{100}, seconds(1)};
  Instant now_{1'000'000'000};
};

TEST_F(ProgressReporterTest, a_server_that_asks_again_after_each_answer_is_not_held_up) {
  ledger_.hold(true);
  const Duration lived = lives_while_asked_every(milliseconds(1));
  EXPECT_GE(lived, seconds(4));
  EXPECT_LE(lived, seconds(6));
  EXPECT_GT(stream_.sent.size(), 1000U) << "each question was answered";
  EXPECT_EQ(stream_.sent.back().flushed, Lsn{100});
  start(seconds(60));
  EXPECT_LE(lives_while_asked_every(milliseconds(900)), seconds(7)) << "a long way off";
}

TEST_F(ProgressReporterTest, a_held_session_lives_while_the_server_is_at_its_ease) {
  ledger_.hold(true);
  EXPECT_GE(lives_while_asked_every(seconds(30)), seconds(60));
  start(seconds(2));
  EXPECT_GE(lives_while_asked_every(seconds(1)), seconds(60)) << "wal_sender_timeout is 2 s: that is its usual question";
  start(seconds(0));
  EXPECT_GE(lives_while_asked_every(seconds(2)), seconds(60));
}

TEST_F(ProgressReporterTest, a_server_that_still_sends_does_not_wait) {
  ledger_.hold(true);
  for (std::uint64_t i = 0; i < 60'000; ++i) {
    ASSERT_TRUE(step(true, Lsn{200 + i}));
    now_ = now_ + milliseconds(1);
  }
}

TEST_F(ProgressReporterTest, a_destination_that_still_confirms_may_take_its_time) {
  for (std::uint64_t i = 0; i < 20; ++i) {
    for (int ask = 0; ask < 30; ++ask) {
      reporter_.reply_requested(Lsn{200}, now_);
      ASSERT_TRUE(report());
      now_ = now_ + milliseconds(100);
    }
    reporter_.position_received(Lsn{200});
    ledger_.received(Lsn{101 + i});
  }
  EXPECT_EQ(reporter_.acknowledged(), Lsn{119});
}

TEST_F(ProgressReporterTest, a_stop_that_others_notice_counts_though_the_stream_is_not_read) {
  ledger_.hold(true);
  const Instant begin = now_;
  const auto steps_until_left = [this](auto before_each) {
    int steps = 0;
    while (++steps < 100) {
      before_each();
      if (!report()) return steps;
      now_ = reporter_.next_due(now_);  // nothing else wakes a pipeline that reads nothing
    }
    return steps;
  };
  EXPECT_EQ(steps_until_left([this] { reporter_.set_server_stops(true, now_); }), 2) << "when it is told, and when patience ends";
  EXPECT_EQ(now_ - begin, seconds(5));

  start(seconds(60));
  reporter_.set_server_stops(true, now_);
  EXPECT_TRUE(report());
  EXPECT_TRUE(reporter_.is_waited_for());
  EXPECT_EQ(reporter_.next_due(now_), now_ + seconds(5));
  now_ = now_ + seconds(5);
  reporter_.set_server_stops(false, now_);
  EXPECT_TRUE(report()) << "it is there again";
  EXPECT_FALSE(reporter_.is_waited_for());
  for (int i = 0; i < 10; ++i) {
    ASSERT_TRUE(report());
    now_ = now_ + seconds(30);
    reporter_.frame_arrived(now_);
  }
}

TEST_F(ProgressReporterTest, a_server_that_stops_has_its_time_anew_with_each_confirmation) {
  reporter_.position_received(Lsn{1000});
  for (std::uint64_t i = 1; i <= 10; ++i) {
    reporter_.set_server_stops(true, now_);
    reporter_.want(Lsn{200 + i});
    ledger_.received(Lsn{200 + i});
    ASSERT_TRUE(report());  // stores
    ASSERT_TRUE(report());  // confirms
    now_ = now_ + seconds(4);
    ASSERT_TRUE(report());
  }
  now_ = now_ + seconds(5);
  EXPECT_FALSE(report());
}

TEST_F(ProgressReporterTest, feedback_comes_half_as_often_when_there_is_nothing_new_to_tell) {
  ledger_.hold(true);
  const auto sent_in_a_minute = [this](bool moves) {
    const std::size_t before = stream_.sent.size();
    for (int second = 0; second < 60; ++second, now_ = now_ + seconds(1)) {
      EXPECT_TRUE(step(false, Lsn{200 + static_cast<std::uint64_t>(moves ? second : 0)}));
      EXPECT_LE(reporter_.next_due(now_), now_ + seconds(20));
    }
    return stream_.sent.size() - before;
  };
  EXPECT_EQ(sent_in_a_minute(true), 5U) << "at 10, 20, … 50 s";
  EXPECT_TRUE(step(false, Lsn{300}));
  now_ = now_ + seconds(10);
  EXPECT_TRUE(step(false, Lsn{300})) << "the last news";
  EXPECT_EQ(sent_in_a_minute(false), 3U);
  start(seconds(3));
  EXPECT_GE(sent_in_a_minute(false), 59U) << "wal_sender_timeout is 3 s";
}

TEST_F(ProgressReporterTest, what_is_durable_is_stored_once_a_second_at_most) {
  const auto commit = [this](std::uint64_t lsn) {
    const Checkpoint checkpoint{1, Lsn{lsn}, Lsn{lsn + 1}};
    ledger_.received(Lsn{lsn + 1});
    ledger_.sealed(checkpoint);
    ledger_.durable(checkpoint);
    EXPECT_TRUE(step(false, Lsn{lsn + 1}));
    EXPECT_TRUE(report());
  };
  commit(1000);
  EXPECT_EQ(stream_.sent.back().flushed, Lsn{1001}) << "the first one at once";
  const Instant first = now_;
  std::size_t sent = stream_.sent.size();
  for (std::uint64_t i = 1; i <= 100; ++i) {
    now_ = now_ + milliseconds(5);
    commit(1000 + 10 * i);
  }
  EXPECT_EQ(stream_.sent.size(), sent);
  EXPECT_LE(reporter_.next_due(now_), first + seconds(1));
  now_ = first + seconds(1);
  EXPECT_TRUE(report());
  EXPECT_TRUE(report());
  EXPECT_EQ(stream_.sent.back().flushed, Lsn{2001}) << "nothing has to come for it";
  now_ = now_ + milliseconds(1);
  sent = stream_.sent.size();
  reporter_.want(Lsn{3000});
  commit(3000);
  EXPECT_EQ(stream_.sent.back().flushed, Lsn{3001}) << "somebody waits";
  reporter_.finish();
  commit(4000);
  EXPECT_EQ(stream_.sent.back().flushed, Lsn{4001}) << "at the end";
}

}  // namespace
}  // namespace luge
