#include "destination/snowflake/actors/actor_pool.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "destination/snowflake/actors/actors_test_support.h"

namespace luge {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

TEST_F(ActorPoolTest, rows_of_a_channel_are_never_overtaken) {
  settings_.actors = 2;
  service_.rows_per_request = 3;
  std::vector<std::shared_ptr<Channel>> channels;
  for (std::uint16_t shard = 0; shard < 3; ++shard) channels.push_back(add(1, shard));
  const auto other = add(2);
  for (std::uint64_t from = 0; from < 300; from += 20) {
    const auto chunk = rows(1, from, from + 20, {0, 1, 2});
    for (const auto& channel : channels) ASSERT_TRUE(pool().send(channel, chunk));
    ASSERT_TRUE(pool().send(other, rows(2, from, from + 20)));
  }
  channels.push_back(other);
  ASSERT_EQ(settle(channels), "");
  for (std::uint64_t shard = 0; shard < 3; ++shard) {
    std::vector<std::uint64_t> wanted;
    for (std::uint64_t i = shard; i < 300; i += 3) wanted.push_back(i);
    EXPECT_EQ(service_.ordinals("c1_" + std::to_string(shard)), wanted);
    EXPECT_TRUE(channels[shard]->durable_through(at(wanted.back())));
    EXPECT_FALSE(channels[shard]->durable_through(at(300)));
  }
  EXPECT_EQ(service_.ordinals("c2_0"), range(0, 300));
  EXPECT_THAT(pool().rows_landed(), ElementsAre(std::pair(1U, 300U), std::pair(2U, 300U)));
  EXPECT_EQ(pool().health().rows_sent, 600U);
  EXPECT_FALSE(pool().failure());
}

TEST_F(ActorPoolTest, a_retry_repeats_the_same_rows) {
  settings_.actors = 1;
  settings_.breaker.retry.first_delay = std::chrono::milliseconds(5);
  for (int i = 0; i < 3; ++i) service_.append_errors["c1_0"].push_back(retry_error());
  const auto channel = add(1);
  ASSERT_TRUE(pool().send(channel, rows(1, 0, 10)));
  ASSERT_EQ(settle({channel}), "");
  EXPECT_EQ(service_.ordinals("c1_0"), range(0, 10));
  ASSERT_GE(service_.attempts.size(), 4U);
  for (const auto& attempt : service_.attempts) EXPECT_EQ(attempt.text, service_.attempts[0].text);
  EXPECT_EQ(pool().health().retries, 3U);
  EXPECT_EQ(pool().health().last_error, "") << "it went well again";
}

TEST_F(ActorPoolTest, rows_that_come_while_a_retry_waits_go_out_behind_it) {
  settings_.actors = 1;
  settings_.breaker.retry.first_delay = std::chrono::milliseconds(5);
  service_.every_append = retry_error();
  const auto channel = add(1);
  ASSERT_TRUE(pool().send(channel, rows(1, 0, 10)));
  ASSERT_TRUE(service_.wait_until([&] { return service_.attempts.size() >= 2; }));
  ASSERT_TRUE(pool().send(channel, rows(1, 10, 20)));
  service_.change([&] { service_.every_append.reset(); });
  ASSERT_EQ(settle({channel}), "");
  EXPECT_EQ(service_.ordinals("c1_0"), range(0, 20));
}

TEST_F(ActorPoolTest, the_breaker_opens_lets_one_ask_and_closes) {
  settings_.actors = 3;
  settings_.breaker.failures_to_open = 3;
  settings_.breaker.retry = {std::chrono::milliseconds(20), std::chrono::milliseconds(60), std::chrono::minutes(5)};
  service_.every_append = retry_error();
  std::vector<std::shared_ptr<Channel>> channels;
  for (RelationOid oid = 1; oid <= 3; ++oid) {
    channels.push_back(add(oid));
    ASSERT_TRUE(pool().send(channels.back(), rows(oid, 0, 5)));
  }
  // Openings go well, so the breaker may close once more until all are through.
  const auto refused = [&](const char* channel) {
    return std::any_of(service_.attempts.begin(), service_.attempts.end(), [&](const auto& attempt) { return attempt.channel == channel; });
  };
  ASSERT_TRUE(service_.wait_until([&] { return refused("c1_0") && refused("c2_0") && refused("c3_0"); }));
  ASSERT_TRUE(soon([&] { return pool().health().breaker == CircuitBreaker::State::open; }));
  EXPECT_EQ(pool().health().last_error, "the service is away (503)");
  // It goes on asking.
  std::size_t before = 0;
  service_.change([&] { before = service_.attempts.size(); });
  ASSERT_TRUE(service_.wait_until([&] { return service_.attempts.size() >= before + 3; }));
  // A late opening may have closed it for a moment.
  EXPECT_TRUE(soon([&] { return pool().health().breaker != CircuitBreaker::State::closed; }));
  EXPECT_EQ(settle(channels, std::chrono::milliseconds(1)), "unsettled");
  service_.change([&] { service_.every_append.reset(); });
  ASSERT_EQ(settle(channels), "");
  EXPECT_EQ(pool().health().breaker, CircuitBreaker::State::closed);
  EXPECT_EQ(pool().health().failures, 0U);
}

TEST_F(ActorPoolTest, whoever_asks_first_after_an_outage_says_how_it_went) {
  settings_.breaker.failures_to_open = 1;
  settings_.breaker.retry.first_delay = std::chrono::milliseconds(5);
  status_client_failures_ = 1;  // it opens the breaker, and the next one is the probe
  const auto channel = add(1);
  ASSERT_TRUE(pool().send(channel, rows(1, 0, 5)));
  EXPECT_EQ(settle({channel}), "");
  EXPECT_EQ(pool().health().breaker, CircuitBreaker::State::closed);
}

TEST_F(ActorPoolTest, a_lost_channel_fails_the_pool) {
  service_.append_errors["c1_0"].push_back(make_error(Recovery::retry, "channel_invalid", "somebody else opened it"));
  const auto channel = add(1);
  const auto other = add(2);
  ASSERT_TRUE(pool().send(channel, rows(1, 0, 5)));
  ASSERT_TRUE(soon([&] { return pool().failure().has_value(); }));
  EXPECT_EQ(pool().failure()->code, "channel_invalid");
  EXPECT_EQ(pool().failure()->recovery, Recovery::retry);
  EXPECT_EQ(settle({channel}), "channel_invalid");
  const Status refused = pool().send(other, rows(2, 0, 5));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, "channel_invalid");
  EXPECT_THAT(pool().take_troubles(), IsEmpty());
}

TEST_F(ActorPoolTest, a_channel_that_the_service_forgot_fails_the_pool) {
  service_.commits = false;
  const auto channel = add(1);
  ASSERT_TRUE(pool().send(channel, rows(1, 0, 5)));
  ASSERT_TRUE(service_.wait_until([&] { return service_.statuses_asked > 0; }));
  service_.change([&] { service_.channels.clear(); });
  ASSERT_TRUE(soon([&] { return pool().failure().has_value(); }));
  EXPECT_EQ(pool().failure()->code, "channel_invalid");
}

TEST_F(ActorPoolTest, rows_that_are_never_committed_fail_the_pool) {
  settings_.longest_commit = std::chrono::milliseconds(300);
  service_.commits = false;
  const auto channel = add(1);
  ASSERT_TRUE(pool().send(channel, rows(1, 0, 5)));
  ASSERT_TRUE(soon([&] { return pool().failure().has_value(); }));
  EXPECT_EQ(pool().failure()->code, "channel_stalled");
  EXPECT_EQ(pool().failure()->recovery, Recovery::retry);
  EXPECT_EQ(pool().failed_table(), 1U);
  EXPECT_TRUE(pool().has_news());
  EXPECT_THAT(pool().take_troubles(), IsEmpty());
}

TEST_F(ActorPoolTest, a_pipe_that_takes_nothing_stops_its_table_alone) {
  settings_.actors = 1;
  settings_.settle = std::chrono::milliseconds(500);
  service_.refusals["c1_0"] = make_error(Recovery::quarantine_table, "pipe_invalid", "the pipe takes nothing", "look at SHOW PIPES");
  const auto channel = add(1);
  const auto other = add(2);
  const auto begin = std::chrono::steady_clock::now();
  ASSERT_TRUE(pool().send(channel, rows(1, 3, 6)));
  ASSERT_TRUE(pool().send(other, rows(2, 0, 5)));
  EXPECT_EQ(settle({other}), "");
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::milliseconds(400)) << "nobody waits for the other table's pipe";
  EXPECT_EQ(pool().health().breaker, CircuitBreaker::State::closed);
  ASSERT_TRUE(soon([&] { return pool().stopped(1); }));
  EXPECT_GE(std::chrono::steady_clock::now() - begin, std::chrono::milliseconds(450)) << "it might have become valid";
  const auto troubles = pool().take_troubles();
  ASSERT_EQ(troubles.size(), 1U);
  EXPECT_EQ(troubles[0].kind, TableTrouble::Kind::refused);
  EXPECT_EQ(troubles[0].quarantine.code, "pipe_invalid");
  EXPECT_EQ(troubles[0].quarantine.position, at(3));
  EXPECT_EQ(troubles[0].quarantine.fix, "look at SHOW PIPES");
  EXPECT_FALSE(pool().failure());
  EXPECT_EQ(pool().health().breaker, CircuitBreaker::State::closed);
}

TEST_F(ActorPoolTest, an_opening_that_has_to_wait_lets_others_go_on) {
  settings_.actors = 1;
  settings_.settle = std::chrono::minutes(5);
  service_.refusals["c1_0"] = make_error(Recovery::retry, "uncommitted_rows", "rows of an older opener");
  const auto channel = add(1);
  const auto other = add(2);
  ASSERT_TRUE(pool().send(channel, rows(1, 0, 5)));
  ASSERT_TRUE(pool().send(other, rows(2, 0, 5)));
  EXPECT_EQ(settle({other}), "");
  EXPECT_EQ(pool().health().failures, 0U);
  EXPECT_EQ(settle({channel}, std::chrono::milliseconds(1)), "unsettled");
  service_.change([&] { service_.refusals.clear(); });
  EXPECT_EQ(settle({channel}), "");
  EXPECT_EQ(service_.ordinals("c1_0"), range(0, 5));
}

TEST_F(ActorPoolTest, a_table_that_is_refused_while_others_are_served_stops_alone) {
  settings_.actors = 1;
  settings_.breaker.retry = {std::chrono::milliseconds(5), std::chrono::milliseconds(20), std::chrono::minutes(5)};
  service_.refusals["c1_0"] = make_error(Recovery::stop_pipeline, "forbidden", "not this one", "grant it");
  service_.refusals["c3_0"] = make_error(Recovery::stop_pipeline, "refused", "nor this", "grant it");
  const auto other = add(2);
  ASSERT_TRUE(pool().send(add(1), rows(1, 0, 5)));
  ASSERT_TRUE(pool().send(add(3), rows(3, 0, 5)));
  for (std::uint64_t i = 0; i < 500 && !(pool().stopped(1) && pool().stopped(3)); ++i) {
    ASSERT_TRUE(pool().send(other, rows(2, i, i + 1)));
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  EXPECT_EQ(pool().why_stopped(1).code, "forbidden");
  EXPECT_EQ(pool().why_stopped(3).code, "refused");
  EXPECT_EQ(settle({other}), "");
  EXPECT_FALSE(pool().failure());
}

TEST_F(ActorPoolTest, who_refuses_everybody_stops_no_table) {
  settings_.actors = 2;
  settings_.breaker.retry = {std::chrono::milliseconds(2), std::chrono::milliseconds(5), std::chrono::minutes(5)};
  service_.refusals[""] = make_error(Recovery::stop_pipeline, "forbidden", "a network policy");
  const auto channel = add(1);
  const auto other = add(2);
  ASSERT_TRUE(pool().send(channel, rows(1, 0, 5)));
  ASSERT_TRUE(pool().send(other, rows(2, 0, 5)));
  ASSERT_TRUE(service_.wait_until([&] { return service_.openings_asked["c1_0"] >= 6 && service_.openings_asked["c2_0"] >= 6; }));
  EXPECT_NE(pool().health().breaker, CircuitBreaker::State::closed);
  EXPECT_EQ(pool().health().last_error, "a network policy (forbidden)");
  EXPECT_THAT(pool().take_troubles(), IsEmpty());
  service_.change([&] { service_.refusals.clear(); });
  EXPECT_EQ(settle({channel, other}), "");
}

TEST_F(ActorPoolTest, a_table_that_is_gone_while_its_rows_are_on_their_way_fails_the_pool) {
  service_.commits = false;
  const auto channel = add(1);
  ASSERT_TRUE(pool().send(channel, rows(1, 0, 5)));
  ASSERT_TRUE(service_.wait_until([&] { return service_.statuses_asked > 0; }));
  service_.change([&] { service_.every_status = make_error(Recovery::quarantine_table, "table_missing", "no such table"); });
  ASSERT_TRUE(soon([&] { return pool().failure().has_value(); }));
  EXPECT_EQ(pool().failure()->code, "table_missing");
  EXPECT_EQ(pool().failed_table(), 1U);
}

TEST_F(ActorPoolTest, a_table_made_a_moment_ago_may_not_be_known_yet) {
  settings_.appears = std::chrono::seconds(30);
  service_.refusals["c1_0"] = make_error(Recovery::quarantine_table, "table_missing", "no such table");
  const auto channel = add(1);
  ASSERT_TRUE(pool().send(channel, rows(1, 0, 5)));
  ASSERT_TRUE(service_.wait_until([&] { return service_.openings_asked["c1_0"] >= 2; }));
  service_.change([&] { service_.refusals.clear(); });
  EXPECT_EQ(settle({channel}), "");
  EXPECT_FALSE(pool().failure());
}

TEST_F(ActorPoolTest, a_table_that_does_not_appear_fails_the_pool) {
  settings_.appears = std::chrono::milliseconds(50);
  service_.refusals["c1_0"] = make_error(Recovery::quarantine_table, "table_missing", "no such table");
  const auto channel = add(1);
  ASSERT_TRUE(pool().send(channel, rows(1, 0, 5)));
  ASSERT_TRUE(soon([&] { return pool().failure().has_value(); }));
  EXPECT_EQ(pool().failure()->code, "table_missing");
  EXPECT_EQ(pool().failed_table(), 1U);
}

TEST_F(ActorPoolTest, a_value_that_does_not_fit_stops_its_table_alone) {
  settings_.actors = 1;
  const auto channel = add(1);
  const auto shard = add(1, 1);
  const auto other = add(2);
  auto bad = rows(1, 0, 4);
  reinterpret_cast<std::int32_t*>(bad->chunk.columns[1].values.data())[2] = kDateInfinity;
  ASSERT_TRUE(pool().send(channel, bad));
  ASSERT_TRUE(pool().send(other, rows(2, 0, 5)));
  ASSERT_TRUE(soon([&] { return pool().stopped(1); }));
  EXPECT_FALSE(pool().known_stopped(1));
  EXPECT_EQ(settle({channel}), "table_stopped");
  EXPECT_EQ(settle({other}), "");
  const auto troubles = pool().take_troubles();
  EXPECT_TRUE(pool().known_stopped(1));
  ASSERT_EQ(troubles.size(), 1U);
  EXPECT_EQ(troubles[0].kind, TableTrouble::Kind::misfit);
  EXPECT_EQ(troubles[0].oid, 1U);
  EXPECT_EQ(troubles[0].channel, "c1_0");
  EXPECT_EQ(troubles[0].quarantine.code, "misfit");
  EXPECT_EQ(troubles[0].quarantine.column, "day");
  EXPECT_EQ(troubles[0].quarantine.position, at(2));
  EXPECT_EQ(pool().why_stopped(1).code, "misfit");
  EXPECT_EQ(pool().why_stopped(1).recovery, Recovery::quarantine_table);
  EXPECT_THAT(pool().take_troubles(), IsEmpty()) << "told once";
  // What still comes for it is thrown away and fills no queue.
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(pool().send(channel, rows(1, 10, 20)));
  ASSERT_TRUE(pool().send(other, rows(2, 5, 9)));
  EXPECT_EQ(settle({other}), "");
  EXPECT_FALSE(pool().failure());
  EXPECT_THAT(service_.ordinals("c1_0"), testing::Not(testing::Contains(10U)));
  pool().forgive(1);
  EXPECT_FALSE(pool().stopped(1));
}

TEST_F(ActorPoolTest, a_row_that_is_too_large_stops_its_table_alone) {
  service_.append_errors["c1_0"].push_back(make_error(Recovery::quarantine_table, "row_too_large", "a row of 5 MB", "leave the column out"));
  const auto channel = add(1);
  const auto other = add(2);
  ASSERT_TRUE(pool().send(channel, rows(1, 3, 6)));
  ASSERT_TRUE(pool().send(other, rows(2, 0, 5)));
  ASSERT_TRUE(soon([&] { return pool().stopped(1); }));
  EXPECT_EQ(settle({other}), "");
  const auto troubles = pool().take_troubles();
  ASSERT_EQ(troubles.size(), 1U);
  EXPECT_EQ(troubles[0].quarantine.code, "row_too_large");
  EXPECT_EQ(troubles[0].quarantine.position, at(3));
  EXPECT_EQ(troubles[0].quarantine.fix, "leave the column out");
  EXPECT_EQ(pool().health().breaker, CircuitBreaker::State::closed);
}

TEST_F(ActorPoolTest, rejected_rows_stop_their_table_alone) {
  const auto channel = add(1);
  const auto other = add(2);
  ASSERT_TRUE(pool().send(channel, rows(1, 0, 5)));
  ASSERT_EQ(settle({channel}), "");
  service_.change([&] { service_.channels["c1_0"].errors = 1; });
  ASSERT_TRUE(pool().send(channel, rows(1, 5, 9)));
  ASSERT_TRUE(pool().send(other, rows(2, 0, 5)));
  ASSERT_TRUE(soon([&] { return pool().stopped(1); }));
  EXPECT_EQ(settle({other}), "");
  const auto troubles = pool().take_troubles();
  ASSERT_EQ(troubles.size(), 1U);
  EXPECT_EQ(troubles[0].kind, TableTrouble::Kind::rejected);
  EXPECT_EQ(troubles[0].last_good, at(4));
  EXPECT_FALSE(channel->durable_through(at(8)));
  EXPECT_FALSE(pool().failure());
}

TEST_F(ActorPoolTest, what_is_forgotten_does_not_go_out_and_holds_no_room) {
  settings_.actors = 1;
  settings_.queue_bytes = 1;
  service_.hangs = "open";
  const auto channel = add(1);
  const auto other = add(2);
  ASSERT_TRUE(pool().send(channel, rows(1, 0, 5)));
  pool().forget(channel);
  service_.change([&] { service_.hangs.clear(); });
  ASSERT_TRUE(pool().send(other, rows(2, 0, 5)));
  EXPECT_EQ(settle({other}), "");
  EXPECT_EQ(settle({channel}, std::chrono::seconds(2)), "");
  EXPECT_THAT(service_.ordinals("c2_0"), ElementsAre(0, 1, 2, 3, 4));
}

TEST_F(ActorPoolTest, the_table_of_a_forgotten_channel_may_be_gone) {
  settings_.actors = 1;
  service_.hangs = "append";
  auto channel = add(1);
  const auto other = add(2);
  ASSERT_TRUE(pool().send(channel, rows(1, 0, 5)));
  ASSERT_TRUE(service_.wait_until([&] { return !service_.attempts.empty(); }));
  pool().forget(channel);
  service_.change([&] {
    service_.append_errors["c1_0"].push_back(make_error(Recovery::stop_pipeline, "table_missing", "no such table"));
    service_.hangs.clear();
  });
  ASSERT_TRUE(pool().send(other, rows(2, 0, 5)));
  EXPECT_EQ(settle({channel, other}), "");
  EXPECT_FALSE(pool().failure());
}

TEST_F(ActorPoolTest, a_dropped_channel_is_gone_and_its_name_may_come_again) {
  settings_.actors = 1;
  auto channel = add(1);
  ASSERT_TRUE(pool().send(channel, rows(1, 0, 5)));
  ASSERT_EQ(settle({channel}), "");
  pool().drop(channel);
  ASSERT_TRUE(service_.wait_until([&] { return service_.dropped.size() == 1; }));
  EXPECT_EQ(service_.dropped[0], "c1_0");
  EXPECT_THAT(pool().rows_landed(), ElementsAre(std::pair(1U, 5U))) << "what has landed stays counted";
  channel.reset();
  channel = add(1);
  ASSERT_TRUE(pool().send(channel, rows(1, 0, 3)));
  ASSERT_EQ(settle({channel}), "");
  EXPECT_EQ(service_.ordinals("c1_0"), range(0, 3));
}

TEST_F(ActorPoolTest, a_reopened_channel_is_opened_before_its_next_row) {
  settings_.actors = 1;
  const auto channel = add(1);
  ASSERT_TRUE(pool().send(channel, rows(1, 0, 5)));
  ASSERT_EQ(settle({channel}), "");
  ASSERT_TRUE(pool().reopen(channel));
  ASSERT_TRUE(pool().send(channel, rows(1, 5, 9)));
  ASSERT_EQ(settle({channel}), "");
  EXPECT_EQ(service_.channels["c1_0"].openings, 2);
  EXPECT_EQ(service_.ordinals("c1_0"), range(0, 9));
  EXPECT_THAT(pool().take_troubles(), IsEmpty());
}

TEST_F(ActorPoolTest, settle_gives_up_at_its_deadline) {
  service_.commits = false;
  const auto channel = add(1);
  ASSERT_TRUE(pool().send(channel, rows(1, 0, 5)));
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_EQ(settle({channel}, std::chrono::milliseconds(100)), "unsettled");
  EXPECT_GE(std::chrono::steady_clock::now() - begin, std::chrono::milliseconds(100));
  service_.change([&] { service_.commits = true; });
  EXPECT_EQ(settle({channel}), "");
}

TEST_F(ActorPoolTest, send_waits_for_room_and_wakes_when_there_is_some) {
  settings_.actors = 1;
  settings_.queue_bytes = 1;
  service_.hangs = "open";
  const auto channel = add(1);
  ASSERT_TRUE(pool().send(channel, rows(1, 0, 5))) << "one always fits";
  std::atomic<bool> done = false;
  std::jthread sender([&] {
    EXPECT_TRUE(pool().send(channel, rows(1, 5, 9)));
    done = true;
  });
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  EXPECT_FALSE(done);
  service_.change([&] { service_.hangs.clear(); });
  sender.join();
  EXPECT_EQ(settle({channel}), "");
  EXPECT_EQ(service_.ordinals("c1_0"), range(0, 9));
}

TEST_F(ActorPoolTest, stop_wakes_whoever_waits) {
  settings_.actors = 1;
  settings_.queue_bytes = 1;
  service_.hangs = "open";
  const auto channel = add(1);
  ASSERT_TRUE(pool().send(channel, rows(1, 0, 5)));
  std::atomic<int> woken = 0;
  std::jthread sender([&] {
    const Status sent = pool().send(channel, rows(1, 5, 9));
    EXPECT_FALSE(sent);
    EXPECT_EQ(sent ? "" : sent.error().code, "stopped");
    ++woken;
  });
  std::jthread settler([&] {
    EXPECT_EQ(settle({channel}, std::chrono::minutes(5)), "stopped");
    ++woken;
  });
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  EXPECT_EQ(woken, 0);
  pool().stop();
  EXPECT_TRUE(soon([&] { return woken == 2; }));
}

TEST_F(ActorPoolTest, rows_behind_the_token_are_not_sent_again_but_counted) {
  settings_.actors = 1;
  service_.channels["c1_0"] = {.rows = {at(6)}, .lines = {}, .token = at(6), .inserted = 107, .errors = 2};
  const auto channel = add(1, 0, ChannelMark{at(1), 102, 2});  // 2 to 6 came in after the ledger's last word
  ASSERT_TRUE(pool().send(channel, rows(1, 0, 4)));
  ASSERT_TRUE(pool().send(channel, rows(1, 4, 10)));
  ASSERT_EQ(settle({channel}), "");
  EXPECT_EQ(service_.ordinals("c1_0"), (std::vector<std::uint64_t>{6, 7, 8, 9}));
  EXPECT_THAT(pool().take_troubles(), IsEmpty());
  EXPECT_EQ(channel->mark(), (ChannelMark{at(9), 110, 2}));
}

TEST_F(ActorPoolTest, rows_that_are_missing_before_the_token_stop_the_table) {
  settings_.actors = 1;
  service_.channels["c1_0"] = {.rows = {at(6)}, .lines = {}, .token = at(6), .inserted = 106, .errors = 2};
  const auto channel = add(1, 0, ChannelMark{at(1), 102, 2});
  ASSERT_TRUE(pool().send(channel, rows(1, 0, 10)));
  ASSERT_TRUE(soon([&] { return pool().stopped(1); }));
  const auto troubles = pool().take_troubles();
  ASSERT_EQ(troubles.size(), 1U);
  EXPECT_EQ(troubles[0].kind, TableTrouble::Kind::miscounted);
}

TEST_F(ActorPoolTest, rows_that_were_handed_over_before_are_left_out) {
  settings_.actors = 1;
  const auto channel = add(1);
  ASSERT_TRUE(pool().send(channel, rows(1, 0, 4)));
  auto again = rows(1, 2, 8);
  again->sent_before = at(3);
  ASSERT_TRUE(pool().send(channel, again));
  ASSERT_EQ(settle({channel}), "");
  EXPECT_EQ(service_.ordinals("c1_0"), range(0, 8));
  EXPECT_THAT(pool().take_troubles(), IsEmpty());
}

// The same while the channel itself is behind what comes again: nothing is counted twice.
TEST_F(ActorPoolTest, what_comes_again_twice_is_counted_once) {
  settings_.actors = 1;
  service_.channels["c1_0"] = {.rows = {at(6)}, .lines = {}, .token = at(6), .inserted = 107, .errors = 0};
  const auto channel = add(1, 0, ChannelMark{at(1), 102, 0});
  ASSERT_TRUE(pool().send(channel, rows(1, 0, 4)));
  auto again = rows(1, 0, 5);
  again->sent_before = at(3);
  ASSERT_TRUE(pool().send(channel, again));
  ASSERT_TRUE(pool().send(channel, rows(1, 5, 9)));
  ASSERT_EQ(settle({channel}), "");
  EXPECT_EQ(service_.ordinals("c1_0"), (std::vector<std::uint64_t>{6, 7, 8}));
  EXPECT_THAT(pool().take_troubles(), IsEmpty());
}

TEST_F(ActorPoolTest, a_truncate_keeps_its_place_between_rows) {
  settings_.actors = 1;
  const auto channel = add(1);
  ASSERT_TRUE(pool().send(channel, rows(1, 0, 2)));
  ASSERT_TRUE(pool().send(channel, Truncate{1, {}, at(2), 5, {}}, table(1), {"ID", "DAY"}, 1));
  ASSERT_TRUE(pool().send(channel, rows(1, 3, 5)));
  ASSERT_EQ(settle({channel}), "");
  EXPECT_EQ(service_.ordinals("c1_0"), range(0, 5));
  EXPECT_THAT(service_.channels["c1_0"].lines[2], testing::HasSubstr("\"_LUGE_OP\":\"t\""));
}

TEST_F(ActorPoolTest, the_end_does_not_wait_for_what_hangs) {
  for (const char* what : {"make", "open", "append", "statuses", "drop"}) {
    service_.change([&] {
      service_.hangs = what;
      service_.channels.clear();
      service_.attempts.clear();
    });
    const auto channel = add(1);
    const auto other = add(2);
    ASSERT_TRUE(pool().send(channel, rows(1, 0, 5)));
    ASSERT_TRUE(pool().send(other, rows(2, 0, 5)));
    pool().drop(other);
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    const auto begin = std::chrono::steady_clock::now();
    pool_.reset();
    EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(1)) << what;
  }
}

}  // namespace
}  // namespace luge
