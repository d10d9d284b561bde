#include "service/manager/pipeline_manager.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <filesystem>
#include <functional>
#include <gtest/gtest.h>
#include <map>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <thread>
#include <unistd.h>

#include "service/catalog/sqlite_catalog.h"
#include "service/catalog/sqlite_leases.h"

namespace luge {
namespace {

namespace fs = std::filesystem;
using Seconds = std::chrono::seconds;
using Millis = std::chrono::milliseconds;

/// What the tasks of a test do, and what is seen of them.
class Stage {
 public:
  struct Act {
    int starts = 0;
    int drains = 0;
    int stops = 0;
    int resumes = 0;
    bool running = false;
    std::string state = "live";
    std::function<void()> state_changed;
    bool deaf = false;               ///< ignores drains
    std::optional<Error> fails;      ///< as soon as it runs
    bool throws = false;
    std::string tables;              ///< of the newest spec
    std::string conninfo;
  };
  Act look(const std::string& name) {
    const std::lock_guard lock(mutex_);
    return acts_[name];
  }
  void direct(const std::string& name, const std::function<void(Act&)>& change) {
    std::function<void()> state_changed;
    {
      const std::lock_guard lock(mutex_);
      Act& act = acts_[name];
      const std::string before = act.state;
      change(act);
      if (act.state != before) state_changed = act.state_changed;
    }
    changed_.notify_all();
    if (state_changed) state_changed();
  }
  int most_at_once() {
    const std::lock_guard lock(mutex_);
    return most_at_once_;
  }

  class Task final : public PipelineTask {
   public:
    Task(Stage& stage, const PipelineSpec& spec) : stage_(stage), name_(spec.name) {
      stage.direct(name_, [&](Act& act) {
        act.tables = spec.tables;
        act.conninfo = spec.conninfo;
      });
    }
    Status run() override {
      std::unique_lock lock(stage_.mutex_);
      Act& act = stage_.acts_[name_];
      ++act.starts;
      stage_.most_at_once_ = std::max(stage_.most_at_once_, act.running ? 2 : 1);
      if (act.throws) throw std::runtime_error("a library's bad day");
      if (act.fails) return *act.fails;
      act.running = true;
      stage_.changed_.wait(lock, [&] { return ended_ || act.fails; });
      act.running = false;
      if (act.fails) return *act.fails;
      return ok();
    }
    void request_drain() override {
      stage_.direct(name_, [&](Act& act) {
        ++act.drains;
        ended_ = ended_ || !act.deaf;
      });
    }
    void request_stop() override {
      stage_.direct(name_, [&](Act& act) {
        ++act.stops;
        ended_ = true;
      });
    }
    void request_resume() override {
      stage_.direct(name_, [&](Act& act) { ++act.resumes; });
    }
    void on_state_change(std::function<void()> changed) override {
      stage_.direct(name_, [&](Act& act) { act.state_changed = changed; });
    }
    TaskStatus status() const override {
      TaskStatus now;
      now.state = stage_.look(name_).state;
      now.durable = Lsn{77};
      now.lag_bytes = 5;
      return now;
    }

   private:
    Stage& stage_;
    const std::string name_;
    bool ended_ = false;  ///< under the stage's mutex
  };

 private:
  friend class Task;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<std::string, Act> acts_;
  int most_at_once_ = 0;
};

/// Leases that can be cut off from their store, as by a network.
class CuttableLeases final : public PipelineLeases {
 public:
  explicit CuttableLeases(std::unique_ptr<PipelineLeases> store) : store_(std::move(store)) {}
  Result<LeaseView> renew(const std::string& owner, Duration ttl, bool available) override {
    if (cut) return gone();
    return store_->renew(owner, ttl, available);
  }
  Result<std::optional<PipelineLease>> try_acquire(const std::string& pipeline, const std::string& owner, Duration ttl) override {
    if (cut) return gone();
    return store_->try_acquire(pipeline, owner, ttl);
  }
  Status release(const PipelineLease& lease) override { return cut ? Status(gone()) : store_->release(lease); }
  Status leave(const std::string& owner) override { return cut ? Status(gone()) : store_->leave(owner); }
  std::atomic<bool> cut{false};

 private:
  static Error gone() { return make_error(Recovery::retry, "unreachable", "no answer"); }
  std::unique_ptr<PipelineLeases> store_;
};

/// One process of the service.
class Service {
 public:
  Service(const std::string& path, std::string owner, Stage& stage, Duration drain_timeout = Seconds(10), Duration heartbeat_interval = Millis(200)) {
    catalog = *SqliteCatalog::open(path);
    leases = std::make_unique<CuttableLeases>(*SqliteLeases::open(path));
    ManagerOptions options;
    options.owner = std::move(owner);
    options.drain_timeout = drain_timeout;
    options.stop_grace = Seconds(1);
    options.heartbeat_interval = heartbeat_interval;
    options.lease_time_to_live = Seconds(3);
    options.lease_renew_interval = Millis(100);
    options.restart_after_transient = {Millis(50), Millis(200), Seconds(60)};
    options.restart_after_fatal = {Millis(50), Millis(200), Seconds(60)};
    SecretResolver secrets(CatalogKeyring(), [this](const std::string& name) -> std::optional<std::string> {
      const std::lock_guard lock(mutex);
      if (name == "PW") return password;
      return std::nullopt;
    });
    manager = std::make_unique<PipelineManager>(
        options, *catalog, *leases, std::move(secrets), SpecRules{},
        [&stage](const PipelineSpec& spec) -> Result<std::unique_ptr<PipelineTask>> { return std::make_unique<Stage::Task>(stage, spec); });
    thread = std::thread([this] { outcome = manager->run(); });
  }
  ~Service() {
    if (thread.joinable()) static_cast<void>(end());
  }
  Status end() {
    manager->request_drain();
    thread.join();
    return *outcome;
  }
  std::mutex mutex;
  std::string password = "first";
  std::unique_ptr<SqliteCatalog> catalog;
  std::unique_ptr<CuttableLeases> leases;
  std::unique_ptr<PipelineManager> manager;
  std::optional<Status> outcome;
  std::thread thread;
};

class PipelineManagerTest : public testing::Test {
 protected:
  void SetUp() override {
    directory_ = (fs::temp_directory_path() / "luge-manager-XXXXXX").string();
    ASSERT_NE(::mkdtemp(directory_.data()), nullptr);
    path_ = directory_ + "/catalog.db";
    operator_ = *SqliteCatalog::open(path_);
    edit({SourceRow{"shop", "host=db password=${PW}", "{}", 0}, DestinationRow{"mirror", "null:", "{}", 0}});
  }
  void TearDown() override { fs::remove_all(directory_); }

  static PipelineRow row(const std::string& name, const std::string& desired = "START") {
    PipelineRow made;
    made.name = name;
    made.source = "shop";
    made.destination = "mirror";
    made.desired = desired;
    return made;
  }
  void edit(std::vector<CatalogEdit> edits) {
    const Status edited = operator_->edit(edits, std::nullopt);
    ASSERT_TRUE(edited) << edited.error().message();
  }
  StatusRow status(const std::string& name) {
    const auto rows = operator_->read_statuses();
    EXPECT_TRUE(rows);
    for (const StatusRow& found : *rows) {
      if (found.pipeline == name) return found;
    }
    return {};
  }
  template <class Condition>
  static bool eventually(Condition&& condition, Duration longest = Seconds(10)) {
    const auto deadline = std::chrono::steady_clock::now() + longest;
    while (std::chrono::steady_clock::now() < deadline) {
      if (condition()) return true;
      std::this_thread::sleep_for(Millis(10));
    }
    return condition();
  }
  bool running(const std::string& name) { return stage_.look(name).running; }

  Stage stage_;
  std::string directory_, path_;
  std::unique_ptr<SqliteCatalog> operator_;
};

TEST_F(PipelineManagerTest, FollowsTheRowsWithinTwoSeconds) {
  edit({row("a"), row("b", "PAUSE")});
  Service service(path_, "host-1", stage_);
  ASSERT_TRUE(eventually([&] { return running("a"); }));
  ASSERT_TRUE(eventually([&] { return status("a").state == "live" && status("b").state == "paused"; }));
  EXPECT_EQ(status("a").owner, "host-1");
  EXPECT_EQ(status("a").durable, Lsn{77});
  EXPECT_EQ(status("a").lag_bytes, 5U);
  EXPECT_GT(status("a").fence, 0);

  edit({SetDesired{"a", "PAUSE"}, SetDesired{"b", "START"}, row("c")});
  EXPECT_TRUE(eventually([&] { return !running("a") && running("b") && running("c"); }, Seconds(2)));
  EXPECT_EQ(stage_.look("a").drains, 1);
  EXPECT_EQ(stage_.look("a").stops, 0);
  EXPECT_TRUE(eventually([&] { return status("a").state == "paused"; }));

  PipelineRow changed = row("b");
  changed.tables = "sales.*";
  edit({changed, RemoveRow{RowKind::pipeline, "c"}});
  EXPECT_TRUE(eventually([&] { return running("b") && stage_.look("b").tables == "sales.*" && !running("c"); }, Seconds(2)));
  EXPECT_EQ(stage_.look("b").starts, 2);
  EXPECT_TRUE(eventually([&] { return status("c").pipeline.empty(); })) << "its status goes with it";
  EXPECT_EQ(stage_.most_at_once(), 1);
}

TEST_F(PipelineManagerTest, AnotherStateIsToldBeforeTheNextHeartbeat) {
  edit({row("a")});
  Service service(path_, "host-1", stage_, Seconds(10), std::chrono::hours(1));
  ASSERT_TRUE(eventually([&] { return status("a").state == "live"; }));
  stage_.direct("a", [](Stage::Act& act) { act.state = "connecting"; });
  EXPECT_TRUE(eventually([&] { return status("a").state == "connecting"; }, Seconds(2)));
}

TEST_F(PipelineManagerTest, AMalformedRowStopsItsOwnPipelineOnly) {
  edit({row("good"), row("bad")});
  Service service(path_, "host-1", stage_);
  ASSERT_TRUE(eventually([&] { return running("good") && running("bad"); }));
  edit({SetDesired{"bad", "RUN"}, row("lost"), row("x'; DROP TABLE pipeline; --")});
  PipelineRow lost = row("lost");
  lost.source = "nobody";
  edit({lost});
  EXPECT_TRUE(eventually([&] { return !running("bad") && status("bad").state == "invalid"; }));
  EXPECT_EQ(status("bad").error_code, "bad_desired");
  EXPECT_TRUE(eventually([&] { return status("lost").error_code == "unknown_source"; }));
  EXPECT_TRUE(eventually([&] { return status("x'; DROP TABLE pipeline; --").error_code == "bad_name"; }));
  EXPECT_TRUE(running("good"));
  EXPECT_EQ(stage_.look("good").starts, 1);
  edit({SetDesired{"bad", "START"}});
  EXPECT_TRUE(eventually([&] { return running("bad") && status("bad").error_code.empty(); }, Seconds(2)));
}

TEST_F(PipelineManagerTest, WhatFailsOrThrowsIsStartedAgainAndLeavesTheOthersAlone) {
  stage_.direct("fails", [](Stage::Act& act) { act.fails = make_error(Recovery::retry, "unreachable", "no answer"); });
  stage_.direct("throws", [](Stage::Act& act) { act.throws = true; });
  edit({row("good"), row("fails"), row("throws")});
  Service service(path_, "host-1", stage_);
  ASSERT_TRUE(eventually([&] { return stage_.look("fails").starts >= 3 && stage_.look("throws").starts >= 3; }));
  EXPECT_TRUE(eventually([&] { return status("throws").error_code == "crashed" && status("fails").error_code == "unreachable"; }));
  EXPECT_GT(status("fails").restarts, 0U);
  EXPECT_EQ(stage_.look("good").starts, 1);
  stage_.direct("fails", [](Stage::Act& act) { act.fails.reset(); });
  stage_.direct("throws", [](Stage::Act& act) { act.throws = false; });
  EXPECT_TRUE(eventually([&] { return running("fails") && running("throws"); }));
  EXPECT_TRUE(eventually([&] { return status("fails").state == "live" && status("fails").error_code.empty(); }));
}

TEST_F(PipelineManagerTest, WhatWaitsForAnOperatorWaits) {
  stage_.direct("gap", [](Stage::Act& act) { act.fails = needs_operator("gap", "changes are missing", "luge resync"); });
  edit({row("gap")});
  Service service(path_, "host-1", stage_);
  ASSERT_TRUE(eventually([&] { return status("gap").error_code == "gap"; }));
  std::this_thread::sleep_for(Millis(500));
  EXPECT_EQ(stage_.look("gap").starts, 1);
  EXPECT_EQ(status("gap").hint, "luge resync");
  stage_.direct("gap", [](Stage::Act& act) { act.fails.reset(); });
  edit({SetDesired{"gap", "START"}});  // written again
  EXPECT_TRUE(eventually([&] { return running("gap"); }));
}

TEST_F(PipelineManagerTest, ReloadReadsSecretsAgain) {
  edit({row("a")});
  Service service(path_, "host-1", stage_);
  ASSERT_TRUE(eventually([&] { return running("a"); }));
  EXPECT_NE(stage_.look("a").conninfo.find("first"), std::string::npos);
  {
    const std::lock_guard lock(service.mutex);
    service.password = "second";
  }
  service.manager->request_reload();
  EXPECT_TRUE(eventually([&] { return stage_.look("a").conninfo.find("second") != std::string::npos && running("a"); }));
  EXPECT_EQ(stage_.look("a").starts, 2);
  service.manager->request_reload();  // nothing changed
  std::this_thread::sleep_for(Millis(300));
  EXPECT_EQ(stage_.look("a").starts, 2);
}

TEST_F(PipelineManagerTest, DrainsEverythingAtTheEnd) {
  edit({row("a"), row("b")});
  Service service(path_, "host-1", stage_);
  ASSERT_TRUE(eventually([&] { return running("a") && running("b"); }));
  const Status ended = service.end();
  EXPECT_TRUE(ended) << ended.error().message();
  EXPECT_EQ(stage_.look("a").drains, 1);
  EXPECT_EQ(stage_.look("a").stops, 0);
  EXPECT_FALSE(running("b"));
  EXPECT_EQ(status("a").state, "stopped");
}

TEST_F(PipelineManagerTest, WhatDoesNotDrainInTimeIsStopped) {
  stage_.direct("deaf", [](Stage::Act& act) { act.deaf = true; });
  edit({row("deaf"), row("good")});
  Service service(path_, "host-1", stage_, Millis(300));
  ASSERT_TRUE(eventually([&] { return running("deaf") && running("good"); }));
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_TRUE(service.end());
  EXPECT_LT(std::chrono::steady_clock::now() - begin, Seconds(3));
  EXPECT_EQ(stage_.look("deaf").stops, 1);
  EXPECT_EQ(stage_.look("good").stops, 0);
}

TEST_F(PipelineManagerTest, StartSaidAgainOverrulesWhoeverPausedIt) {
  edit({row("a")});
  Service service(path_, "host-1", stage_);
  ASSERT_TRUE(eventually([&] { return running("a"); }));
  stage_.direct("a", [](Stage::Act& act) { act.state = "paused"; });
  ASSERT_TRUE(eventually([&] { return status("a").reason.find("luge pipeline start") != std::string::npos; }));
  edit({SetDesired{"a", "START"}});
  EXPECT_TRUE(eventually([&] { return stage_.look("a").resumes == 1; })) << "it was START before";
  EXPECT_EQ(stage_.look("a").starts, 1);
}

TEST_F(PipelineManagerTest, WhatIsWrittenAgainBesideThePipelineLeavesItPaused) {
  edit({row("a")});
  Service service(path_, "host-1", stage_);
  ASSERT_TRUE(eventually([&] { return running("a"); }));
  stage_.direct("a", [](Stage::Act& act) { act.state = "paused"; });
  edit({SourceRow{"shop", "host=db password=${PW}", "{}", 0}, DestinationRow{"mirror", "null:", "{}", 0}});
  const std::int64_t revision = operator_->read()->revision;
  ASSERT_TRUE(eventually([&] { return service.manager->catalog_revision() == revision; }));
  EXPECT_EQ(stage_.look("a").resumes, 0);
  EXPECT_EQ(stage_.look("a").starts, 1);
}

TEST_F(PipelineManagerTest, TwoProcessesShareAndTakeOverWithoutRunningAnythingTwice) {
  std::vector<CatalogEdit> rows;
  for (int i = 0; i < 6; ++i) rows.emplace_back(row("p" + std::to_string(i)));
  edit(rows);
  const auto all_run = [&] {
    for (int i = 0; i < 6; ++i) {
      if (!running("p" + std::to_string(i))) return false;
    }
    return true;
  };
  const auto owned_by = [&](const std::string& owner) {
    int count = 0;
    const auto statuses = operator_->read_statuses();
    for (const StatusRow& found : *statuses) count += found.owner == owner && found.state == "live" ? 1 : 0;
    return count;
  };
  Service first(path_, "host-1", stage_);
  ASSERT_TRUE(eventually(all_run));
  auto second = std::make_unique<Service>(path_, "host-2", stage_);
  ASSERT_TRUE(eventually([&] { return all_run() && owned_by("host-1") == 3 && owned_by("host-2") == 3; }));
  // The second one ends well: its pipelines are taken at once.
  EXPECT_TRUE(second->end());
  second.reset();
  ASSERT_TRUE(eventually([&] { return all_run() && owned_by("host-1") == 6; }));
  // It comes again, and is cut off: it stops by itself before anybody takes over.
  second = std::make_unique<Service>(path_, "host-2", stage_);
  ASSERT_TRUE(eventually([&] { return all_run() && owned_by("host-2") == 3; }));
  second->leases->cut = true;
  ASSERT_TRUE(eventually([&] { return all_run() && owned_by("host-1") == 6; }));
  EXPECT_EQ(stage_.most_at_once(), 1);
}

TEST_F(PipelineManagerTest, TwoHundredIdlePipelinesAreStartedAndEndedInSeconds) {
  std::vector<CatalogEdit> rows;
  for (int i = 0; i < 200; ++i) rows.emplace_back(row("p" + std::to_string(i)));
  edit(rows);
  Service service(path_, "host-1", stage_);
  ASSERT_TRUE(eventually(
      [&] {
        for (int i = 0; i < 200; ++i) {
          if (!running("p" + std::to_string(i))) return false;
        }
        return true;
      },
      Seconds(30)));
  EXPECT_TRUE(service.end());
}

}  // namespace
}  // namespace luge
