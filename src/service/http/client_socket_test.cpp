#include "service/http/client_socket.h"

#include <array>
#include <gtest/gtest.h>
#include <string>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>

namespace luge {
namespace {

using std::chrono::milliseconds;

class ClientSocketTest : public testing::Test {
 protected:
  ClientSocketTest() { EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends_.data()), 0); }
  ~ClientSocketTest() override { ::close(ends_[1]); }
  int server_end() const { return ends_[0]; }
  void say(const std::string& text) const { EXPECT_EQ(::send(ends_[1], text.data(), text.size(), MSG_NOSIGNAL), static_cast<ssize_t>(text.size())); }

 private:
  std::array<int, 2> ends_{};
};

TEST_F(ClientSocketTest, BytesNowAndThenDoNotMakeARequestEndless) {
  ClientSocket::Limits limits;
  limits.request = milliseconds(300);
  ClientSocket client(server_end(), limits, {});
  const std::jthread dripping([this](const std::stop_token& stop) {
    while (!stop.stop_requested()) {
      say("x");
      std::this_thread::sleep_for(milliseconds(20));
    }
  });
  const auto start = std::chrono::steady_clock::now();
  std::array<char, 16> data{};
  while (client.read(data.data(), 1) > 0) {
  }
  const auto took = std::chrono::steady_clock::now() - start;
  EXPECT_GE(took, milliseconds(200));
  EXPECT_LT(took, std::chrono::seconds(5));
}

TEST_F(ClientSocketTest, ARequestHasAMostOfBytes) {
  ClientSocket::Limits limits;
  limits.bytes = 10;
  ClientSocket client(server_end(), limits, {});
  say("0123456789abcdef");
  std::array<char, 64> data{};
  EXPECT_EQ(client.read(data.data(), data.size()), 10);
  EXPECT_EQ(client.read(data.data(), data.size()), -1);
}

TEST_F(ClientSocketTest, AnEndIsNoError) {
  ClientSocket client(server_end(), {}, {});
  say("ab");
  std::array<char, 64> data{};
  EXPECT_EQ(client.read(data.data(), data.size()), 2);
  EXPECT_EQ(client.write("yes", 3), 3);
}

TEST_F(ClientSocketTest, NobodyIsWaitedForWhenTheServerStops) {
  std::stop_source stop;
  ClientSocket client(server_end(), {}, stop.get_token());
  const std::jthread stopper([&stop] {
    std::this_thread::sleep_for(milliseconds(50));
    stop.request_stop();
  });
  const auto start = std::chrono::steady_clock::now();
  char byte = 0;
  EXPECT_EQ(client.read(&byte, 1), -1);
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(5));
}

}  // namespace
}  // namespace luge
