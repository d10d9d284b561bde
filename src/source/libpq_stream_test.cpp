#include "source/libpq_stream.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <thread>

#include "source/publication.h"
#include "source/session.h"
#include "source/slot.h"
#include "support/temp_postgres.h"

namespace luge {
namespace {

using testing::HasSubstr;

const SystemClock kClock;

TEST(StartReplication, options_are_gated_by_version) {
  const StreamRequest request{.slot = "s", .publication = "p", .streaming = true, .binary = true, .origin_any = true};
  const auto command = [&](int version) { return start_replication_command(request, negotiate(request, version), version); };
  EXPECT_EQ(command(130023), "START_REPLICATION SLOT \"s\" LOGICAL 0/0 (proto_version '1', publication_names '\"p\"')");
  EXPECT_EQ(command(140001),
            "START_REPLICATION SLOT \"s\" LOGICAL 0/0 (proto_version '2', publication_names '\"p\"', streaming 'on', binary 'true')");
  EXPECT_THAT(command(150001), HasSubstr("proto_version '3'"));
  EXPECT_THAT(command(180001), HasSubstr("proto_version '4', publication_names '\"p\"', streaming 'on', binary 'true', origin 'any'"));
}

TEST(StartReplication, a_publications_name_is_an_identifier_inside_a_literal) {
  const StreamRequest request{.slot = "s", .publication = "o'p, \"q\""};
  EXPECT_THAT(start_replication_command(request, negotiate(request, 150000), 150000), HasSubstr("publication_names '\"o''p, \"\"q\"\"\"'"));
}

class LibpqStreamTest : public testing::Test {
 protected:
  void SetUp() override {
    database_ = server_.create_database();
    slot_ = "luge_" + database_;
    run("CREATE TABLE t (id int PRIMARY KEY, note text)");
    Connection sql = server_.connect(database_);
    ASSERT_TRUE(create_publication(sql, kPublication, {{"public", "t"}}));
    const auto point = create_slot(options(), {.name = slot_}, {});
    ASSERT_TRUE(point) << point.error().message();
    consistent_point_ = *point;
  }
  void TearDown() override {
    Connection sql = server_.connect();
    for (int attempt = 0; attempt < 200; ++attempt) {
      if (drop_slot(sql, slot_)) return;
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    FAIL() << "the slot stayed in use";
  }

  ConnectionOptions options() const { return server_.options(database_); }
  void run(const std::string& sql) const { server_.run(sql, database_); }
  Result<std::unique_ptr<LibpqStream>> start() const {
    TRY(Connection replication, Connection::open(options(), Connection::Kind::replication));
    return LibpqStream::start(std::move(replication), {.slot = slot_, .publication = kPublication}, kClock);
  }
  /// The next frame within 10 s, feedback-less.
  static Result<std::optional<WalFrame>> wait(LibpqStream& stream) {
    for (int attempt = 0; attempt < 100; ++attempt) {
      auto frame = stream.try_receive();
      if (!frame || *frame) return frame;
      pollfd entry{stream.readable_fd(), POLLIN, 0};
      poll(&entry, 1, 100);
    }
    return std::optional<WalFrame>{};
  }
  /// Tags of data frames up to and including the first commit.
  static std::string transaction(LibpqStream& stream, Lsn* end = nullptr) {
    std::string tags;
    while (tags.empty() || tags.back() != 'C') {
      const auto frame = wait(stream);
      if (!frame || !*frame) return tags + "?";
      if ((*frame)->kind != WalFrame::Kind::data) continue;
      tags += (*frame)->payload.front();
      if (end != nullptr) *end = (*frame)->wal_end;
    }
    return tags;
  }

  static constexpr const char* kPublication = "P \"ub'";
  TempPostgres& server_ = TempPostgres::shared();
  std::string database_;
  std::string slot_;
  Lsn consistent_point_;
};

TEST_F(LibpqStreamTest, receives_a_transaction_and_moves_the_slot_with_feedback) {
  auto stream = start();
  ASSERT_TRUE(stream) << stream.error().message();
  EXPECT_EQ((*stream)->options().protocol_version, 3);
  run("INSERT INTO t VALUES (1, 'a'), (2, 'b')");
  Lsn end;
  EXPECT_EQ(transaction(**stream, &end), "BRIIC");
  ASSERT_TRUE((*stream)->send_feedback({.written = end, .flushed = end, .applied = end, .reply_requested = true}));
  EXPECT_FALSE((*stream)->wants_write());
  const auto answer = wait(**stream);  // the ping's answer
  ASSERT_TRUE(answer && *answer);
  EXPECT_EQ((*answer)->kind, WalFrame::Kind::keepalive);
  Connection sql = server_.connect();
  EXPECT_EQ(sql.query("SELECT confirmed_flush_lsn FROM pg_replication_slots WHERE slot_name = '" + slot_ + "'")->text(0, 0), to_string(end));
}

TEST_F(LibpqStreamTest, bytes_that_are_no_text_do_not_end_the_stream) {
  const std::string bytes = "bytes_" + database_;
  server_.run("CREATE DATABASE " + bytes + " ENCODING 'SQL_ASCII' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0");
  server_.run("CREATE TABLE t (id int PRIMARY KEY, note text)", bytes);
  Connection sql = server_.connect(bytes);
  ASSERT_TRUE(create_publication(sql, "p", {{"public", "t"}}));
  ASSERT_TRUE(create_slot(server_.options(bytes), {.name = bytes}, {}));
  server_.run("INSERT INTO t VALUES (1, E'\\xff\\xfe'), (2, 'next')", bytes);
  for (const bool binary : {false, true}) {
    auto replication = Connection::open(server_.options(bytes), Connection::Kind::replication);
    ASSERT_TRUE(replication) << replication.error().message();
    auto stream = LibpqStream::start(*std::move(replication), {.slot = bytes, .publication = "p", .binary = binary}, kClock);
    ASSERT_TRUE(stream) << stream.error().message();
    std::string tags;
    std::string rows;
    while (tags.empty() || tags.back() != 'C') {
      const auto frame = wait(**stream);
      ASSERT_TRUE(frame) << frame.error().message();
      ASSERT_TRUE(*frame);
      if ((*frame)->kind != WalFrame::Kind::data) continue;
      tags += (*frame)->payload.front();
      if (tags.back() == 'I') rows += (*frame)->payload;
    }
    EXPECT_EQ(tags, "BRIIC");
    EXPECT_THAT(rows, HasSubstr("\xff\xfe"));
    EXPECT_THAT(rows, HasSubstr("next"));
    stream->reset();
    for (int attempt = 0; attempt < 200 && server_.run("SELECT active FROM pg_replication_slots WHERE slot_name = '" + bytes + "'") != "f"; ++attempt)
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  EXPECT_TRUE(drop_slot(sql, bytes));
}

TEST_F(LibpqStreamTest, never_waits_when_there_is_nothing) {
  auto stream = start();
  ASSERT_TRUE(stream);
  const auto before = std::chrono::steady_clock::now();
  for (int i = 0; i < 1000; ++i) ASSERT_TRUE((*stream)->try_receive());
  EXPECT_LT(std::chrono::steady_clock::now() - before, std::chrono::seconds(1));
}

TEST_F(LibpqStreamTest, large_transactions_arrive_whole) {
  auto stream = start();
  ASSERT_TRUE(stream);
  run("INSERT INTO t SELECT g, repeat('x', 1000) FROM generate_series(1, 20000) g");
  EXPECT_EQ(transaction(**stream).size(), 20003U);
  EXPECT_GT((*stream)->bytes_received(), 20'000'000U);
}

TEST_F(LibpqStreamTest, a_busy_slot_is_a_retry_with_a_hint) {
  auto first = start();
  ASSERT_TRUE(first);
  const auto second = start();
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, "55006");
  EXPECT_EQ(second.error().recovery, Recovery::retry);
  EXPECT_THAT(second.error().hint, HasSubstr("active_pid"));
}

TEST_F(LibpqStreamTest, a_missing_slot_or_publication_stops) {
  auto replication = Connection::open(options(), Connection::Kind::replication);
  const auto slotless = LibpqStream::start(*std::move(replication), {.slot = "nope", .publication = kPublication}, kClock);
  ASSERT_FALSE(slotless);
  EXPECT_EQ(slotless.error().code, "42704");
  EXPECT_EQ(slotless.error().recovery, Recovery::stop_pipeline);

  run("DROP PUBLICATION \"P \"\"ub'\"");
  auto stream = start();
  ASSERT_TRUE(stream);
  run("INSERT INTO t VALUES (1, 'a')");
  const auto frame = [&] {
    while (true) {
      auto next = wait(**stream);
      if (!next || !*next || (*next)->kind == WalFrame::Kind::data) return next;
    }
  }();
  ASSERT_FALSE(frame) << "15 refuses to decode for a publication that is gone";
  EXPECT_EQ(frame.error().code, "42704");
}

TEST_F(LibpqStreamTest, a_killed_walsender_asks_for_a_reconnect) {
  auto stream = start();
  ASSERT_TRUE(stream);
  run("SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE slot_name = '" + slot_ + "'");
  Result<std::optional<WalFrame>> frame = wait(**stream);
  while (frame && *frame) frame = wait(**stream);
  ASSERT_FALSE(frame);
  EXPECT_EQ(frame.error().recovery, Recovery::reconnect);
  EXPECT_EQ(frame.error().code, "57P01");
  EXPECT_FALSE((*stream)->try_receive());
  EXPECT_FALSE((*stream)->send_feedback({}));
}

TEST_F(LibpqStreamTest, facts_describe_server_slot_and_publication) {
  auto replication = Connection::open(options(), Connection::Kind::replication);
  ASSERT_TRUE(replication);
  const auto facts = read_session_facts(*replication, slot_, kPublication);
  ASSERT_TRUE(facts) << facts.error().message();
  EXPECT_EQ(std::to_string(facts->system_identifier), server_.run("SELECT system_identifier FROM pg_control_system()"));
  EXPECT_EQ(facts->timeline, 1U);
  EXPECT_EQ(std::to_string(facts->database_oid), server_.run("SELECT oid FROM pg_database WHERE datname = '" + database_ + "'"));
  EXPECT_GE(facts->server_lsn, consistent_point_);
  EXPECT_FALSE(facts->in_recovery);
  EXPECT_EQ(facts->wal_sender_timeout, std::chrono::seconds(60));
  EXPECT_TRUE(facts->slot.exists);
  EXPECT_EQ(facts->slot.plugin, "pgoutput");
  EXPECT_EQ(facts->slot.database, database_);
  EXPECT_FALSE(facts->slot.active);
  EXPECT_EQ(facts->slot.confirmed_flush, consistent_point_);
  EXPECT_EQ(facts->slot.wal_status, "reserved");
  EXPECT_TRUE(facts->publication_exists);
  EXPECT_NE(facts->publication_oid, 0U);
  EXPECT_EQ(std::to_string(facts->next_xid), server_.run("SELECT pg_snapshot_xmax(pg_current_snapshot())"));

  const auto absent = read_session_facts(*replication, "nope", "nope");
  ASSERT_TRUE(absent);
  EXPECT_FALSE(absent->slot.exists);
  EXPECT_FALSE(absent->publication_exists);
  // the same connection then carries the stream
  EXPECT_TRUE(LibpqStream::start(*std::move(replication), {.slot = slot_, .publication = kPublication}, kClock));
}

TEST(LibpqStreamShutdown, a_fast_stop_ends_the_stream_with_a_reconnect) {
  TempPostgres server;
  server.run("CREATE TABLE t (id int PRIMARY KEY)");
  Connection sql = server.connect();
  ASSERT_TRUE(create_publication(sql, "p", {{"public", "t"}}));
  ASSERT_TRUE(create_slot(server.options(), {.name = "s"}, {}));
  auto replication = Connection::open(server.options(), Connection::Kind::replication);
  auto stream = LibpqStream::start(*std::move(replication), {.slot = "s", .publication = "p"}, kClock);
  ASSERT_TRUE(stream);
  std::jthread stopper([&server] { EXPECT_TRUE(server.stop(TempPostgres::Stop::fast)); });
  Status end;
  while (end) {
    const auto frame = (*stream)->try_receive();
    if (!frame) {
      end = frame.error();
    } else if (*frame && (*frame)->reply_requested) {
      ASSERT_TRUE((*stream)->send_feedback({.written = (*frame)->wal_end, .flushed = (*frame)->wal_end, .applied = (*frame)->wal_end}));
    } else if (!*frame) {
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
  }
  EXPECT_EQ(end.error().recovery, Recovery::reconnect) << end.error().message();
}

}  // namespace
}  // namespace luge
