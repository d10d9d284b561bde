#include "app/serve/catalog_glance.h"

#include <atomic>
#include <chrono>
#include <functional>
#include <gtest/gtest.h>
#include <semaphore>
#include <thread>

namespace luge {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

/// Stands still until it is moved.
class GlanceClock final : public Clock {
 public:
  Instant now() const override { return {micros_.load()}; }
  PgTimestamp wall_now() const override { return {micros_.load()}; }
  void move(Duration by) { micros_ += by.count(); }

 private:
  std::atomic<std::int64_t> micros_{1'000'000};
};

/// Counts how often it is read; answers, fails or hangs as the test says.
class MoodyCatalog final : public PipelineCatalog {
 public:
  Result<CatalogContents> read() override {
    ++reads;
    if (hangs) answer.acquire();
    if (fails) return make_error(Recovery::retry, "unreachable", "no answer");
    CatalogContents contents;
    contents.revision = revision;
    return contents;
  }
  Result<std::vector<StatusRow>> read_statuses() override { return std::vector<StatusRow>(1); }
  Status edit(std::span<const CatalogEdit> /*edits*/, std::optional<std::int64_t> /*expected*/) override { return ok(); }
  Result<std::int64_t> await_change(std::int64_t known, Duration /*at_most*/, const std::stop_token& /*stop*/) override { return known; }
  Status write_statuses(std::span<const StatusRow> /*rows*/) override { return ok(); }
  Status keep_statuses(std::span<const std::string> /*keys*/) override { return ok(); }
  Result<std::vector<AlertRow>> read_alerts() override { return std::vector<AlertRow>{}; }
  Status write_alerts(std::span<const AlertRow> /*rows*/, std::span<const std::string> /*gone*/) override { return ok(); }
  std::string description() const override { return "moody"; }

  std::atomic<int> reads{0};
  std::atomic<std::int64_t> revision{5};
  std::atomic<bool> fails{false};
  std::atomic<bool> hangs{false};
  std::counting_semaphore<> answer{0};
};

class CatalogGlanceTest : public testing::Test {
 protected:
  std::int64_t seen() { return glance_.look().seen->contents.revision; }
  static Duration time_of(const std::function<void()>& what) {
    const auto begin = std::chrono::steady_clock::now();
    what();
    return std::chrono::duration_cast<Duration>(std::chrono::steady_clock::now() - begin);
  }

  GlanceClock clock_;
  MoodyCatalog catalog_;
  CatalogGlance glance_{catalog_, clock_};
};

TEST_F(CatalogGlanceTest, IsReadOnceInTwoSeconds) {
  EXPECT_EQ(catalog_.reads.load(), 0) << "nobody has looked";
  const CatalogGlance::Look look = glance_.look();
  EXPECT_EQ(look.seen->contents.revision, 5);
  EXPECT_EQ(look.seen->statuses.size(), 1U);
  EXPECT_FALSE(look.error);
  catalog_.revision = 6;
  clock_.move(milliseconds(1900));
  EXPECT_EQ(seen(), 5);
  EXPECT_EQ(catalog_.reads.load(), 1);
  clock_.move(milliseconds(100));
  EXPECT_EQ(seen(), 6);
  EXPECT_EQ(catalog_.reads.load(), 2);
}

TEST_F(CatalogGlanceTest, AfterAFailureTheLastIsStillThere) {
  ASSERT_EQ(seen(), 5);
  catalog_.fails = true;
  clock_.move(seconds(2));
  const CatalogGlance::Look look = glance_.look();
  EXPECT_EQ(look.seen->contents.revision, 5);
  ASSERT_TRUE(look.error);
  EXPECT_EQ(look.error->code, "unreachable");
  EXPECT_TRUE(glance_.look().error);
  EXPECT_EQ(catalog_.reads.load(), 2) << "what fails is not tried more often than what works";
  catalog_.fails = false;
  clock_.move(seconds(2));
  EXPECT_FALSE(glance_.look().error);
}

TEST_F(CatalogGlanceTest, ACatalogThatHangsHoldsNobodyForLong) {
  ASSERT_EQ(seen(), 5);
  catalog_.hangs = true;
  catalog_.revision = 6;
  clock_.move(seconds(2));
  EXPECT_LT(time_of([&] { EXPECT_EQ(seen(), 5); }), seconds(5)) << "one second on an idle machine";
  clock_.move(seconds(1));
  const Duration took = time_of([&] {
    for (int i = 0; i < 100; ++i) EXPECT_EQ(seen(), 5);
  });
  EXPECT_LT(took, seconds(5)) << "the second was over: nobody waits any more, let alone one after the other";
  EXPECT_EQ(catalog_.reads.load(), 2);
  catalog_.hangs = false;
  catalog_.answer.release();
  for (int i = 0; i < 1000 && seen() != 6; ++i) std::this_thread::sleep_for(milliseconds(5));
  EXPECT_EQ(seen(), 6);
}

}  // namespace
}  // namespace luge
