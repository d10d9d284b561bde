#include "app/control_socket.h"

#include <atomic>
#include <filesystem>
#include <gtest/gtest.h>
#include <semaphore>
#include <sys/socket.h>
#include <sys/stat.h>
#include <thread>
#include <unistd.h>

#include "app/instance_lock.h"
#include "app/line_channel.h"
#include "app/unix_address.h"

namespace luge {
namespace {

namespace fs = std::filesystem;

struct ControlSocketTest : testing::Test {
  ControlSocketTest() {
    std::string made = (fs::temp_directory_path() / "luge-control-XXXXXX").string();
    EXPECT_NE(::mkdtemp(made.data()), nullptr);
    directory = made;
    path = directory + "/control.sock";
  }
  ~ControlSocketTest() override { fs::remove_all(directory); }

  std::unique_ptr<ControlServer> serve(ControlHandler handler) {
    auto server = ControlServer::listen(path, std::move(handler));
    EXPECT_TRUE(server) << server.error().message();
    return server ? std::move(*server) : nullptr;
  }
  ControlClient client() {
    auto connected = ControlClient::connect(path);
    EXPECT_TRUE(connected && *connected);
    return std::move(**connected);
  }

  std::string directory;
  std::string path;
};

const ControlHandler kEcho = [](const ControlRequest& request, const ControlReply& reply) -> Result<std::string> {
  if (request.verb == "fail") return needs_operator("gap", "what \"happened\"", "do this");
  for (int i = 0; i < 3; ++i) reply.line("[" + std::to_string(i) + "]");
  return "{\"said\":\"" + request.arg("word") + "\"}";
};

TEST_F(ControlSocketTest, StreamsLinesThenTheDocument) {
  const auto server = serve(kEcho);
  std::vector<std::string> lines;
  const auto answer = client().call({"echo", {{"word", "hello"}}}, [&](const std::string& json) {
    lines.push_back(json);
    return true;
  });
  ASSERT_TRUE(answer) << answer.error().message();
  EXPECT_EQ(*answer, "{\"said\":\"hello\"}");
  EXPECT_EQ(lines, (std::vector<std::string>{"[0]", "[1]", "[2]"}));
}

TEST_F(ControlSocketTest, ErrorsArriveWhole) {
  const auto server = serve(kEcho);
  const auto answer = client().call({"fail", {}});
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, "gap");
  EXPECT_EQ(answer.error().what, "what \"happened\"");
  EXPECT_EQ(answer.error().hint, "do this");
  EXPECT_EQ(answer.error().exit_code, ExitCode::operator_decision);
}

TEST_F(ControlSocketTest, FileIsTheOwnersOnlyAndGoesAway) {
  {
    const auto server = serve(kEcho);
    struct stat facts {};
    ASSERT_EQ(::stat(path.c_str(), &facts), 0);
    EXPECT_EQ(facts.st_mode & 0777U, 0600U);
  }
  EXPECT_FALSE(fs::exists(path));
}

TEST_F(ControlSocketTest, NobodyAndAStaleFileAreTheSame) {
  auto connected = ControlClient::connect(path);
  ASSERT_TRUE(connected);
  EXPECT_FALSE(connected->has_value());
  const int stale = ::socket(AF_UNIX, SOCK_STREAM, 0);
  ASSERT_EQ(bind_unix(stale, path), 0);
  ::close(stale);  // as a killed process leaves it
  ASSERT_TRUE(fs::exists(path));
  connected = ControlClient::connect(path);
  ASSERT_TRUE(connected);
  EXPECT_FALSE(connected->has_value());
  const auto server = serve(kEcho);
  EXPECT_TRUE(client().call({"echo", {}}));
}

TEST_F(ControlSocketTest, LongPathsWork) {
  directory += "/" + std::string(120, 'd') + "/" + std::string(120, 'e');
  fs::create_directories(directory);
  path = directory + "/control.sock";
  const auto server = serve(kEcho);
  EXPECT_TRUE(client().call({"echo", {}}));
  directory = fs::path(directory).parent_path().parent_path();
}

TEST_F(ControlSocketTest, SeveralClientsAtATimeAndABrokenOneHurtsNobody) {
  std::binary_semaphore entered{0};
  std::binary_semaphore go_on{0};
  const auto server = serve([&](const ControlRequest& request, const ControlReply&) -> Result<std::string> {
    if (request.verb == "slow") {
      entered.release();
      go_on.acquire();
    }
    return std::string("1");
  });
  std::jthread slow([&] { EXPECT_TRUE(client().call({"slow", {}})); });
  entered.acquire();
  {
    const int broken = ::socket(AF_UNIX, SOCK_STREAM, 0);
    ASSERT_EQ(connect_unix(broken, path), 0);
    ASSERT_TRUE(send_all(broken, "{\"verb\":"));
    ::close(broken);
  }
  EXPECT_TRUE(client().call({"fast", {}}));
  go_on.release();
}

TEST_F(ControlSocketTest, AClientThatGoesAwayEndsTheAnswer) {
  std::binary_semaphore ended{0};
  const auto server = serve([&](const ControlRequest&, const ControlReply& reply) -> Result<std::string> {
    while (reply.line("\"" + std::string(1000, 'x') + "\"")) {
    }
    ended.release();
    return std::string("null");
  });
  EXPECT_FALSE(client().call({"query", {}}, [](const std::string&) { return false; }));
  EXPECT_TRUE(ended.try_acquire_for(std::chrono::seconds(10)));
}

TEST_F(ControlSocketTest, AHandlerLearnsThatItsClientHasGone) {
  std::binary_semaphore entered{0};
  std::binary_semaphore stopped{0};
  std::atomic<bool> hung_up{false};
  const auto server = serve([&](const ControlRequest&, const ControlReply& reply) -> Result<std::string> {
    const std::stop_callback gone(reply.stop(), [&] { hung_up = true; });
    entered.release();
    for (int i = 0; i < 1000 && !hung_up; ++i) std::this_thread::sleep_for(std::chrono::milliseconds(10));  // nothing is sent meanwhile
    if (hung_up) stopped.release();
    return std::string("null");
  });
  {
    const int raw = ::socket(AF_UNIX, SOCK_STREAM, 0);
    ASSERT_EQ(connect_unix(raw, path), 0);
    ASSERT_TRUE(send_all(raw, "{\"verb\":\"query\"}\n"));
    entered.acquire();
    EXPECT_FALSE(stopped.try_acquire_for(std::chrono::milliseconds(50)));
    ::shutdown(raw, SHUT_WR);  // it says no more, but listens
    EXPECT_FALSE(stopped.try_acquire_for(std::chrono::milliseconds(50)));
    ::close(raw);
  }
  EXPECT_TRUE(stopped.try_acquire_for(std::chrono::seconds(10)));
}

TEST_F(ControlSocketTest, AServerThatEndsAsksItsHandlersToAndTheyMaySayWhy) {
  std::binary_semaphore entered{0};
  auto server = serve([&](const ControlRequest&, const ControlReply& reply) -> Result<std::string> {
    std::binary_semaphore stopped{0};
    const std::stop_callback ends(reply.stop(), [&] { stopped.release(); });
    entered.release();
    EXPECT_TRUE(stopped.try_acquire_for(std::chrono::seconds(10)));
    return fatal("closed", "it ends");
  });
  std::jthread asking([&] {
    const auto answer = client().call({"query", {}});
    ASSERT_FALSE(answer);
    EXPECT_EQ(answer.error().code, "closed");
  });
  entered.acquire();
  server.reset();
}

TEST_F(ControlSocketTest, AServerThatEndsWaitsForNoClient) {
  std::atomic<std::uint64_t> lines{0};
  auto server = serve([&](const ControlRequest&, const ControlReply& reply) -> Result<std::string> {
    while (reply.line("\"" + std::string(10000, 'x') + "\"")) ++lines;
    return std::string("null");
  });
  const int silent = ::socket(AF_UNIX, SOCK_STREAM, 0);
  ASSERT_EQ(connect_unix(silent, path), 0);
  const int deaf = ::socket(AF_UNIX, SOCK_STREAM, 0);
  ASSERT_EQ(connect_unix(deaf, path), 0);
  ASSERT_TRUE(send_all(deaf, "{\"verb\":\"query\"}\n"));
  std::uint64_t before = 0;
  do {  // until it waits in a send
    before = lines;
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  } while (before == 0 || before != lines);
  const auto start = std::chrono::steady_clock::now();
  server.reset();
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(4));
  ::close(silent);
  ::close(deaf);
}

TEST_F(ControlSocketTest, RubbishIsAnsweredWithAnError) {
  const auto server = serve(kEcho);
  const int raw = ::socket(AF_UNIX, SOCK_STREAM, 0);
  ASSERT_EQ(connect_unix(raw, path), 0);
  ASSERT_TRUE(send_all(raw, "{\"verb\":3}\n"));
  LineReader reader(raw, 1000);
  const auto line = reader.next();
  ASSERT_TRUE(line);
  EXPECT_FALSE(decode_answer(*line));
  ::close(raw);
}

TEST_F(ControlSocketTest, TheLockAdmitsOneAndNamesIt) {
  {
    const auto first = InstanceLock::acquire(directory + "/lock");
    ASSERT_TRUE(first);
    const auto second = InstanceLock::acquire(directory + "/lock");
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().code, "running");
    EXPECT_NE(second.error().what.find("process " + std::to_string(::getpid())), std::string::npos);
  }
  EXPECT_TRUE(InstanceLock::acquire(directory + "/lock"));
}

}  // namespace
}  // namespace luge
