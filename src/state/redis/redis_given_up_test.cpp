#include <arpa/inet.h>
#include <atomic>
#include <cerrno>
#include <gtest/gtest.h>
#include <map>
#include <mutex>
#include <netinet/in.h>
#include <poll.h>
#include <string>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>
#include <vector>

#include "state/redis/redis_connection.h"
#include "state/redis/redis_scripts.h"
#include "state/redis/redis_state_store.h"
#include "support/temp_redis.h"

// Commands that nobody waits for any more, and what becomes of them.

namespace luge {
namespace {

sockaddr_in local_address(int port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  return address;
}

class Listener {
 public:
  Listener() : socket_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address = local_address(0);
    socklen_t length = sizeof address;
    EXPECT_EQ(bind(socket_, reinterpret_cast<sockaddr*>(&address), length), 0);
    EXPECT_EQ(listen(socket_, 5), 0);
    EXPECT_EQ(getsockname(socket_, reinterpret_cast<sockaddr*>(&address), &length), 0);
    port_ = ntohs(address.sin_port);
  }
  ~Listener() { close(socket_); }
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;

  int file() const { return socket_; }
  int take() const { return accept4(socket_, nullptr, nullptr, SOCK_CLOEXEC); }
  std::string url() const { return "redis://127.0.0.1:" + std::to_string(port_); }

 private:
  const int socket_;
  int port_ = 0;
};

int connected_to(int port) {
  const int file = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const sockaddr_in address = local_address(port);
  EXPECT_EQ(connect(file, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  return file;
}

/// "": closed.
std::string received(int file) {
  std::string bytes(65536, '\0');
  const auto size = recv(file, bytes.data(), bytes.size(), 0);
  bytes.resize(size > 0 ? static_cast<std::size_t>(size) : 0);
  return bytes;
}

/// Stands before a Redis, for one client at a time. A script that is to be kept back does not get there, and its connection is closed: to the client
/// it is as if it had waited for as long as it would.
class HoldingRelay {
 public:
  explicit HoldingRelay(int redis_port) : redis_port_(redis_port), thread_([this](const std::stop_token& stop) { serve(stop); }) {}

  std::string url() const { return listener_.url(); }
  void hold_next() { hold_next_ = true; }
  /// Now it gets there. Redis' answer.
  std::string deliver() {
    const std::lock_guard lock(mutex_);
    EXPECT_FALSE(held_.empty()) << "nothing was kept back";
    const int redis = connected_to(redis_port_);
    EXPECT_EQ(send(redis, held_.data(), held_.size(), MSG_NOSIGNAL), static_cast<ssize_t>(held_.size()));
    held_.clear();
    std::string answer = received(redis);
    close(redis);
    return answer;
  }

 private:
  void serve(const std::stop_token& stop) {
    int client = -1;
    int redis = -1;
    const auto hang_up = [&] {
      if (client >= 0) close(client);
      if (redis >= 0) close(redis);
      client = redis = -1;
    };
    while (!stop.stop_requested()) {
      pollfd waits[3] = {{client < 0 ? listener_.file() : -1, POLLIN, 0}, {client, POLLIN, 0}, {redis, POLLIN, 0}};
      if (poll(waits, 3, 20) <= 0) continue;
      if (waits[0].revents != 0) {
        client = listener_.take();
        redis = connected_to(redis_port_);
      } else if ((waits[1].revents != 0 && !pass(client, redis, true)) || (waits[2].revents != 0 && !pass(redis, client, false))) {
        hang_up();
      }
    }
    hang_up();
  }
  bool pass(int from, int to, bool to_redis) {
    const std::string bytes = received(from);
    if (bytes.empty()) return false;
    if (to_redis && bytes.find("EVAL") != std::string::npos && hold_next_.exchange(false)) {
      const std::lock_guard lock(mutex_);
      held_ = bytes;
      return false;
    }
    return send(to, bytes.data(), bytes.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(bytes.size());
  }

  const Listener listener_;
  const int redis_port_;
  std::atomic<bool> hold_next_ = false;
  std::mutex mutex_;
  std::string held_;  ///< under mutex_
  std::jthread thread_;
};

using Entries = std::map<std::string, std::string>;

StateRecord intent_at(std::uint64_t lsn) {
  StateRecord record;
  record.epoch = 1;
  record.ack_intent = Lsn{lsn};
  return record;
}

/// One command on a connection of its own.
std::string said(const std::string& place, const std::vector<std::string>& words) {
  auto connection = RedisConnection::open(*RedisAddress::parse(place));
  if (!connection) return connection.error().code;
  const auto reply = connection->run(words);
  return reply ? reply->text : reply.error().code;
}

TEST(RedisGivenUp, AConnectionThatFailedIsReset) {
  const Listener server;
  int peer = -1;
  {
    auto connection = RedisConnection::open(*RedisAddress::parse(server.url()));
    ASSERT_TRUE(connection) << connection.error().message();
    peer = server.take();
    ASSERT_EQ(send(peer, "?\r\n", 3, MSG_NOSIGNAL), 3) << "no answer of a Redis";
    EXPECT_FALSE(connection->run({"PING"}));
    EXPECT_TRUE(connection->broken());
  }
  errno = 0;
  while (!received(peer).empty()) {
  }
  EXPECT_EQ(errno, ECONNRESET) << "what was not sent yet would be sent all the same";
  close(peer);
}

TEST(RedisGivenUp, WhatArrivesAfterItsRepetitionChangesNothing) {
  TempRedis redis;
  HoldingRelay relay(redis.port());
  auto made = RedisStateStore::open(*RedisAddress::parse(relay.url()));
  ASSERT_TRUE(made) << made.error().message();
  RedisStateStore& store = **made;

  relay.hold_next();
  const auto lease = store.acquire("p");
  ASSERT_TRUE(lease) << lease.error().message();
  relay.deliver();
  const Status saved = store.save(*lease, intent_at(77));
  ASSERT_TRUE(saved) << "nobody holds the newer fence: " << saved.error().message();

  relay.hold_next();
  ASSERT_TRUE(store.save(*lease, intent_at(78)));
  ASSERT_TRUE(store.save(*lease, intent_at(79)));
  relay.deliver();
  EXPECT_EQ((**store.load("p")).ack_intent, Lsn{79});

  relay.hold_next();
  ASSERT_TRUE(store.save_ledger("p", lease->fence, {{"token", "1"}}));
  ASSERT_TRUE(store.save_ledger("p", lease->fence, {{"token", "2"}}));
  relay.deliver();
  EXPECT_EQ(*store.load_ledger("p"), (Entries{{"token", "2"}}));

  relay.hold_next();
  ASSERT_TRUE(store.save_ledger("p", lease->fence, {{"token", "3"}}));
  ASSERT_TRUE(store.remove(*lease));
  relay.deliver();
  EXPECT_EQ(*store.load_ledger("p"), Entries{}) << "the pipeline was dropped";
}

TEST(RedisGivenUp, AnAcquireIsDoneOnceHoweverOftenItArrives) {
  TempRedis redis;
  const auto acquire = [&](const std::string& token) {
    return said(redis.url(), {"EVAL", redis_scripts::kAcquire, "2", "luge:{p}:owner", "luge:{p}:last_write", "5", "7", token});
  };
  redis.run({"SET", "luge:{p}:owner", "5"});  // by an earlier version: no token goes with it
  EXPECT_EQ(acquire("mine"), "ok");
  EXPECT_EQ(acquire("mine"), "ok") << "its repetition";
  EXPECT_EQ(acquire("somebody else's"), "changed") << "the same fence is not two owners'";
  EXPECT_EQ(said(redis.url(), {"GET", "luge:{p}:owner"}), "7");
  auto store = RedisStateStore::open(*RedisAddress::parse(redis.url()));
  ASSERT_TRUE(store) << store.error().message();
  const auto lease = (*store)->acquire("p");
  ASSERT_TRUE(lease);
  EXPECT_EQ(acquire("mine"), "changed") << "late";
  EXPECT_TRUE((*store)->save(*lease, intent_at(1)));
}

// Both times the time was up: then it is sent a third time, as another command, by whoever asked for it.
TEST(RedisGivenUp, ALedgerWriteWhoseAnswerWasLostForGoodIsNoObstacle) {
  TempRedis redis;
  auto made = RedisStateStore::open(*RedisAddress::parse(redis.url()));
  ASSERT_TRUE(made) << made.error().message();
  RedisStateStore& store = **made;
  const auto lease = store.acquire("p");
  ASSERT_TRUE(lease);
  const std::vector<std::string> lost = {"EVAL",
                                         redis_scripts::kSaveLedger,
                                         "3",
                                         "luge:{p}:owner",
                                         "luge:{p}:ledger",
                                         "luge:{p}:last_write",
                                         std::to_string(lease->fence),
                                         said(redis.url(), {"GET", "luge:{p}:last_write"}),
                                         "its token",
                                         "s",
                                         "token",
                                         "1"};
  EXPECT_EQ(said(redis.url(), lost), "ok");
  EXPECT_EQ(said(redis.url(), lost), "ok");
  const Status saved = store.save_ledger("p", lease->fence, {{"token", "2"}});
  ASSERT_TRUE(saved) << saved.error().message();
  EXPECT_EQ(said(redis.url(), lost), "changed");
  EXPECT_EQ(store.load_ledger("p")->at("token"), "2");
}

}  // namespace
}  // namespace luge
