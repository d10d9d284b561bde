#include "destination/snowflake/rest/channel_pace.h"

#include <deque>
#include <gtest/gtest.h>

#include "base/random.h"

namespace luge {
namespace {

/// Sends as fast as the pace lets, and counts what falls into any window of a second.
struct Busiest {
  std::size_t requests = 0;
  std::size_t bytes = 0;
};

Busiest busiest_second(std::size_t most_bytes) {
  SeededRandom random(3);
  ChannelPace pace;
  Instant now{1'000'000'000};
  std::deque<std::pair<Instant, std::size_t>> window;
  Busiest busiest;
  for (int i = 0; i < 500; ++i) {
    now = now + pace.wait(now);
    EXPECT_EQ(pace.wait(now), Duration(0));
    const std::size_t bytes = most_bytes / 2 + random.below(most_bytes / 2);
    pace.sent(now, bytes);
    window.emplace_back(now, bytes);
    while (now - window.front().first >= std::chrono::seconds(1)) window.pop_front();
    std::size_t sum = 0;
    for (const auto& [when, size] : window) sum += size;
    busiest.requests = std::max(busiest.requests, window.size());
    busiest.bytes = std::max(busiest.bytes, sum);
  }
  return busiest;
}

TEST(ChannelPace, no_second_has_more_than_ten_requests) { EXPECT_EQ(busiest_second(100).requests, 10U); }

TEST(ChannelPace, no_second_has_more_than_twenty_megabytes_and_one_request) {
  EXPECT_LE(busiest_second(1'000'000).bytes, 21'000'000U);
  EXPECT_LE(busiest_second(10'000'000).bytes, 30'000'000U);
  EXPECT_GT(busiest_second(10'000'000).bytes, 15'000'000U);
}

TEST(ChannelPace, a_channel_that_rested_has_saved_nothing_up) {
  ChannelPace pace;
  const Instant later{1'000'000'000};
  EXPECT_EQ(pace.wait(later), Duration(0));
  pace.sent(later, 10);
  EXPECT_EQ(pace.wait(later), ChannelPace::kRequestInterval);
  pace.hold_until(later + std::chrono::seconds(3));
  EXPECT_EQ(pace.wait(later), std::chrono::seconds(3));
}

}  // namespace
}  // namespace luge
