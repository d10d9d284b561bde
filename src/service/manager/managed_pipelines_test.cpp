#include "service/manager/managed_pipelines.h"

#include <atomic>
#include <chrono>
#include <gtest/gtest.h>
#include <memory>
#include <optional>
#include <semaphore>
#include <string>
#include <thread>

#include "service/catalog/catalog_keyring.h"
#include "service/catalog/catalog_options.h"
#include "service/catalog/pipeline_spec.h"
#include "service/catalog/secret_rotation.h"
#include "service/catalog/secret_text.h"
#include "service/manager/pipeline_task.h"

namespace luge {
namespace {

/// Paused by somebody's hand, until it is told to go on.
class PausedTask final : public PipelineTask {
 public:
  explicit PausedTask(std::atomic<int>& resumes) : resumes_(resumes) {}
  Status run() override {
    ended_.acquire();
    return ok();
  }
  void request_drain() override { ended_.release(); }
  void request_stop() override { ended_.release(); }
  void request_resume() override { ++resumes_; }
  TaskStatus status() const override { return {}; }
  void on_state_change(std::function<void()> /*changed*/) override {}

 private:
  std::atomic<int>& resumes_;
  std::counting_semaphore<> ended_{0};
};

class ManagedPipelinesTest : public testing::Test {
 protected:
  /// One pipeline of which every row holds an encrypted secret, and it runs.
  void SetUp() override {
    rows_.revision = 1;
    rows_.sources["shop"] = {"shop", "host=db password=" + *old_.encrypt("hunter2", conninfo_context("shop")), "{}", 1};
    const std::string token = *old_.encrypt("hunter2", option_context(RowKind::destination, "flake", "pat"));
    rows_.destinations["flake"] = {"flake", "snowflake:", write_options({{"pat", token}}), 1};
    PipelineRow row;
    row.name = "orders";
    row.source = "shop";
    row.destination = "flake";
    row.options = write_options({{"state", *old_.encrypt("redis://luge:hunter2@cache", option_context(RowKind::pipeline, "orders", "state"))}});
    row.version = 1;
    rows_.pipelines["orders"] = row;
    LeaseKeeper::Held held;
    held.known = true;
    held.fences["orders"] = 1;
    pipelines_.set_leases(held);
    want();
    for (int i = 0; i < 1000 && starts_ == 0; ++i) std::this_thread::sleep_for(std::chrono::milliseconds(5));
    ASSERT_EQ(starts_.load(), 1);
  }
  void want() {
    pipelines_.want(rows_, secrets_, {});
    pipelines_.reconcile(false);
  }
  /// The row as it is, or as it has become, written by somebody.
  template <class Row>
  void write(Row& row) {
    row.version = ++rows_.revision;
    want();
  }
  /// After a while: what was asked before there was a task it hears when it is there.
  int resumes() const {
    for (int i = 0; i < 20 && resumes_ == 0; ++i) std::this_thread::sleep_for(std::chrono::milliseconds(5));
    return resumes_;
  }

  const std::string old_line_ = CatalogKeyring::make_key("k1");
  const CatalogKeyring old_ = *CatalogKeyring::parse(old_line_, "test");
  const CatalogKeyring both_ = *CatalogKeyring::parse(CatalogKeyring::make_key("k2") + "\n" + old_line_, "test");
  const SecretResolver secrets_{both_, [](const std::string&) -> std::optional<std::string> { return std::nullopt; }};
  CatalogContents rows_;
  std::atomic<int> starts_{0};
  std::atomic<int> resumes_{0};
  const ManagerOptions options_{.owner = "host-1"};
  const SystemClock clock_{};
  ManagedPipelines pipelines_{options_, clock_,
                              [this](const PipelineSpec&) -> Result<std::unique_ptr<PipelineTask>> {
                                ++starts_;
                                return std::make_unique<PausedTask>(resumes_);
                              },
                              [] {}, [] {}};
};

TEST_F(ManagedPipelinesTest, AnotherKeyForTheSecretsIsNoStart) {
  const auto rotation = rotate_secrets(rows_, both_);
  ASSERT_TRUE(rotation) << rotation.error().message();
  ASSERT_EQ(rotation->edits.size(), 3U);
  rows_ = with_edits(rows_, rotation->edits);
  ++rows_.revision;
  rows_.sources["shop"].version = rows_.destinations["flake"].version = rows_.pipelines["orders"].version = rows_.revision;
  want();
  EXPECT_EQ(resumes(), 0);
  EXPECT_EQ(starts_.load(), 1) << "its secrets are what they were";
  write(rows_.pipelines["orders"]);
  EXPECT_EQ(resumes(), 1) << "luge pipeline start, after a rotation as before";
}

TEST_F(ManagedPipelinesTest, SourceAndDestinationWrittenAgainAreNoStart) {
  write(rows_.sources["shop"]);
  write(rows_.destinations["flake"]);
  EXPECT_EQ(resumes(), 0);
  EXPECT_EQ(starts_.load(), 1);
}

TEST_F(ManagedPipelinesTest, ASecretThatCannotBeReadNowStaysWhatItWas) {
  const SecretResolver none{*CatalogKeyring::parse(CatalogKeyring::make_key("k9"), "test"),
                            [](const std::string&) -> std::optional<std::string> { return std::nullopt; }};
  const auto status = [&] { return pipelines_.reports().at(0).row; };
  EXPECT_FALSE(pipelines_.secrets_unread());
  pipelines_.want(rows_, none, {});
  pipelines_.reconcile(false);
  EXPECT_TRUE(pipelines_.secrets_unread());
  EXPECT_NE(status().state, "draining");
  want();
  EXPECT_FALSE(pipelines_.secrets_unread());
  EXPECT_EQ(starts_.load(), 1);
  rows_.pipelines["orders"].mode = "log";
  pipelines_.want(rows_, none, {});
  pipelines_.reconcile(false);
  EXPECT_EQ(status().state, "draining") << "with other rows it is another pipeline, and that one cannot run";
  EXPECT_TRUE(pipelines_.secrets_unread());
}

TEST_F(ManagedPipelinesTest, ItsOwnRowWrittenAgainIsAStart) {
  write(rows_.pipelines["orders"]);
  EXPECT_EQ(resumes(), 1);
  want();
  EXPECT_EQ(resumes(), 1) << "once";
  EXPECT_EQ(starts_.load(), 1);
}

}  // namespace
}  // namespace luge
