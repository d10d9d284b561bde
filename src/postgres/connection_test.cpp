#include "postgres/connection.h"

#include <arpa/inet.h>
#include <chrono>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>

#include "postgres/sql_quoting.h"
#include "support/forgetful_pooler.h"
#include "support/temp_postgres.h"

namespace luge {
namespace {

using testing::HasSubstr;
using testing::Not;

const TempPostgres& server() { return TempPostgres::shared(); }

ConnectionOptions parse(const std::string& conninfo) {
  auto options = ConnectionOptions::parse(conninfo, "test");
  EXPECT_TRUE(options);
  return *std::move(options);
}

TEST(Connection, asks_with_parameters_and_reads_text) {
  Connection connection = server().connect();
  const std::optional<std::string> parameters[] = {"it's", std::nullopt, "7"};
  const auto result = connection.query("SELECT $1::text, $2::text, $3::int + 1", parameters);
  ASSERT_TRUE(result) << result.error().message();
  EXPECT_EQ(result->text(0, 0), "it's");
  EXPECT_TRUE(result->is_null(0, 1));
  EXPECT_EQ(result->number<int>(0, 2), 8);
}

TEST(Connection, pins_settings_against_hostile_role_and_database_defaults) {
  server().run(
      "CREATE ROLE hostile LOGIN REPLICATION; ALTER ROLE hostile SET datestyle = 'SQL, DMY'; ALTER ROLE hostile SET extra_float_digits = 0;"
      "ALTER ROLE hostile SET bytea_output = escape; ALTER ROLE hostile SET intervalstyle = iso_8601; ALTER ROLE hostile SET timezone = 'Asia/Tokyo';"
      "ALTER ROLE hostile SET search_path = public; ALTER ROLE hostile SET quote_all_identifiers = on; ALTER ROLE hostile SET statement_timeout = "
      "'1ms';"
      "ALTER ROLE hostile SET idle_session_timeout = '1s'; ALTER ROLE hostile SET standard_conforming_strings = off");
  for (const auto kind : {Connection::Kind::sql, Connection::Kind::replication}) {
    auto connection = Connection::open(server().options("postgres", "hostile"), kind);
    ASSERT_TRUE(connection) << connection.error().message();
    const auto result = connection->query(
        "SELECT '2024-02-03'::date, 0.1::float8 + 0.2::float8, '\\x01ff'::bytea, '1 mon'::interval, "
        "'2024-01-01 00:00:00Z'::timestamptz, current_setting('idle_session_timeout')");
    ASSERT_TRUE(result) << result.error().message();
    EXPECT_EQ(result->text(0, 0), "2024-02-03");
    EXPECT_EQ(result->text(0, 1), "0.30000000000000004");
    EXPECT_EQ(result->text(0, 2), "\\x01ff");
    EXPECT_EQ(result->text(0, 3), "1 mon");
    EXPECT_EQ(result->text(0, 4), "2024-01-01 00:00:00+00");
    EXPECT_EQ(result->text(0, 5), "0");
  }
}

TEST(Connection, keeps_the_users_own_startup_options) {
  auto connection = Connection::open(parse(server().conninfo() + " options='-c work_mem=1234kB -c datestyle=German'"));
  ASSERT_TRUE(connection) << connection.error().message();
  EXPECT_EQ(connection->query("SHOW work_mem")->text(0, 0), "1234kB");
  EXPECT_EQ(connection->query("SELECT '2024-02-03'::date")->text(0, 0), "2024-02-03");
}

TEST(Connection, a_database_without_an_encoding_sends_its_bytes_unchecked) {
  server().run("CREATE DATABASE bytes ENCODING 'SQL_ASCII' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0");
  for (const auto kind : {Connection::Kind::sql, Connection::Kind::replication}) {
    auto connection = Connection::open(server().options("bytes"), kind);
    ASSERT_TRUE(connection) << connection.error().message();
    EXPECT_EQ(connection->query("SHOW client_encoding")->text(0, 0), "SQL_ASCII");
    const auto result = connection->query("SELECT E'\\xff\\xfe', E'\\xe4', 'Gr\xC3\xBC\xC3\x9F' || 'e'");
    ASSERT_TRUE(result) << result.error().message();
    EXPECT_EQ(result->text(0, 0), "\xff\xfe");
    EXPECT_EQ(result->text(0, 1), "\xe4");
    EXPECT_EQ(result->text(0, 2),
              "Gr\xC3\xBC\xC3\x9F"
              "e");
  }
  for (const auto kind : {Connection::Kind::sql, Connection::Kind::replication}) {
    auto elsewhere = Connection::open(server().options(), kind);
    ASSERT_TRUE(elsewhere);
    EXPECT_EQ(elsewhere->query("SHOW client_encoding")->text(0, 0), "UTF8");
  }
}

TEST(Connection, refuses_a_pooler_that_drops_the_startup_settings) {
  const ForgetfulPooler pooler(server().directory() + "/.s.PGSQL." + std::to_string(server().port()));
  const auto result = Connection::open(
      parse("host=127.0.0.1 port=" + std::to_string(pooler.port()) + " dbname=postgres user=postgres sslmode=disable gssencmode=disable"));
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, "pooler");
  EXPECT_EQ(result.error().recovery, Recovery::stop_pipeline);
  EXPECT_THAT(result.error().message(), HasSubstr("directly"));
}

TEST(Connection, errors_carry_sqlstate_and_recovery_but_no_detail) {
  Connection connection = server().connect();
  ASSERT_TRUE(connection.exec("CREATE TEMP TABLE t (id int PRIMARY KEY, note text)"));
  ASSERT_TRUE(connection.exec("INSERT INTO t VALUES (42424242, 'secret')"));
  const auto duplicate = connection.query("INSERT INTO t VALUES (42424242, 'secret')");
  ASSERT_FALSE(duplicate);
  EXPECT_EQ(duplicate.error().code, "23505");
  EXPECT_THAT(duplicate.error().message(), Not(HasSubstr("42424242")));
  const auto value = connection.query("SELECT 'hush'::int");
  ASSERT_FALSE(value);
  EXPECT_EQ(value.error().code, "22P02");
  EXPECT_THAT(value.error().message(), Not(HasSubstr("hush")));
  const auto missing = connection.query("SELECT * FROM public.nowhere");
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, "42P01");
  EXPECT_THAT(missing.error().message(), HasSubstr("nowhere"));
  EXPECT_FALSE(connection.broken());
}

TEST(Connection, a_terminated_session_asks_for_a_reconnect) {
  Connection victim = server().connect();
  server().run("SELECT pg_terminate_backend(" + std::to_string(victim.backend_pid()) + ")");
  const auto result = victim.query("SELECT 1");
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().recovery, Recovery::reconnect);
  const auto again = victim.query("SELECT 1");
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().recovery, Recovery::reconnect);
  EXPECT_TRUE(victim.broken());
}

// After a failed write libpq says nothing for a while: an error without SQLSTATE on a connection that it calls good.
TEST(Connection, a_crashed_server_asks_for_a_reconnect) {
  TempPostgres own;
  Connection sql = own.connect();
  own.stop(TempPostgres::Stop::immediate);
  for (int i = 0; i < 3; ++i) {
    const auto answer = sql.query("SELECT 1");
    ASSERT_FALSE(answer);
    EXPECT_EQ(answer.error().code, "connection_lost") << answer.error().what;
    EXPECT_EQ(answer.error().recovery, Recovery::reconnect);
    EXPECT_TRUE(sql.broken());
  }
}

TEST(Connection, refuses_sql_with_a_nul_byte) {
  Connection connection = server().connect();
  EXPECT_EQ(connection.query(std::string("SELECT 1\0 + 1", 13)).error().code, "bad_sql");
}

TEST(Connection, wrong_password_and_database_stop_with_a_hint_and_without_the_password) {
  TempPostgres::Options options;
  options.hba = "host all locked 127.0.0.1/32 scram-sha-256\nhost all banned 127.0.0.1/32 reject";
  const TempPostgres strict(options);
  strict.run("CREATE ROLE locked LOGIN PASSWORD 'right-horse'; CREATE ROLE banned LOGIN");
  const auto wrong = Connection::open(parse(strict.tcp_conninfo("postgres", "locked") + " password=wrong-horse"));
  ASSERT_FALSE(wrong);
  EXPECT_EQ(wrong.error().code, "28P01");
  EXPECT_EQ(wrong.error().recovery, Recovery::stop_pipeline);
  EXPECT_THAT(wrong.error().message(), Not(HasSubstr("horse")));
  EXPECT_THAT(wrong.error().hint, HasSubstr("PGPASSWORD"));

  const auto none = Connection::open(parse(strict.tcp_conninfo("postgres", "locked") + " passfile=/nonexistent"));
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().code, "28P01");
  EXPECT_EQ(none.error().recovery, Recovery::stop_pipeline);

  const auto rejected = Connection::open(parse(strict.tcp_conninfo("postgres", "banned")));
  ASSERT_FALSE(rejected);
  EXPECT_EQ(rejected.error().code, "28000");
  EXPECT_THAT(rejected.error().hint, HasSubstr("pg_hba.conf"));

  const auto database = Connection::open(parse(strict.tcp_conninfo("no_such_db")));
  ASSERT_FALSE(database);
  EXPECT_EQ(database.error().code, "3D000");

  EXPECT_TRUE(Connection::open(parse(strict.tcp_conninfo("postgres", "locked") + " password=right-horse")));
}

TEST(Connection, an_absent_server_is_unreachable) {
  const auto result = Connection::open(parse("host=127.0.0.1 port=1 dbname=postgres user=x password=topsecret"));
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, "unreachable");
  EXPECT_EQ(result.error().recovery, Recovery::reconnect);
  EXPECT_THAT(result.error().message(), Not(HasSubstr("topsecret")));
}

TEST(Connection, a_silent_server_is_given_up_in_time) {
  const int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);  // the kernel accepts, nobody answers
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof address;
  ASSERT_EQ(bind(listener, reinterpret_cast<sockaddr*>(&address), length), 0);
  ASSERT_EQ(listen(listener, 1), 0);
  getsockname(listener, reinterpret_cast<sockaddr*>(&address), &length);
  const auto before = std::chrono::steady_clock::now();
  const auto result =
      Connection::open(parse("host=127.0.0.1 connect_timeout=2 dbname=postgres user=x port=" + std::to_string(ntohs(address.sin_port))));
  close(listener);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, "unreachable");
  const auto took = std::chrono::steady_clock::now() - before;
  EXPECT_GT(took, std::chrono::milliseconds(1900));
  EXPECT_LT(took, std::chrono::seconds(5));
}

TEST(Connection, a_replication_session_needs_the_attribute) {
  server().run("CREATE ROLE plain LOGIN");
  const auto result = Connection::open(server().options("postgres", "plain"), Connection::Kind::replication);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, "42501");
  EXPECT_THAT(result.error().hint, HasSubstr("REPLICATION"));
}

TEST(Connection, copies_out_and_can_go_on) {
  Connection connection = server().connect();
  ASSERT_TRUE(connection.start_copy_out("COPY (SELECT g FROM generate_series(1, 1000) g) TO STDOUT"));
  int rows = 0;
  while (true) {
    const auto data = connection.next_copy_data();
    ASSERT_TRUE(data) << data.error().message();
    if (!*data) break;
    ++rows;
  }
  EXPECT_EQ(rows, 1000);
  EXPECT_EQ(connection.copied_rows(), 1000U);
  EXPECT_TRUE(connection.query("SELECT 1"));
}

TEST(Connection, an_error_in_the_middle_of_a_copy_leaves_the_session_usable) {
  Connection connection = server().connect();
  ASSERT_TRUE(connection.start_copy_out("COPY (SELECT 1000 / (500 - g) FROM generate_series(1, 1000) g) TO STDOUT"));
  Status outcome;
  while (true) {
    const auto data = connection.next_copy_data();
    if (!data) {
      outcome = data.error();
      break;
    }
    ASSERT_TRUE(*data) << "the copy must fail";
  }
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().code, "22012");
  EXPECT_TRUE(connection.query("SELECT 1"));
}

TEST(Connection, a_copy_can_be_cancelled_from_another_thread) {
  Connection connection = server().connect();
  const CancelHandle cancel = connection.cancel_handle();
  ASSERT_TRUE(connection.start_copy_out("COPY (SELECT repeat('x', 9000), pg_sleep(0.01) FROM generate_series(1, 100000)) TO STDOUT"));
  std::jthread other([&cancel] {
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    cancel.request();
  });
  while (true) {
    const auto data = connection.next_copy_data();
    if (data) {
      ASSERT_TRUE(*data) << "the copy must be cancelled";
      continue;
    }
    EXPECT_EQ(data.error().code, "57014");
    break;
  }
}

TEST(Connection, quoting_survives_a_round_trip) {
  Connection connection = server().connect();
  const std::string names[] = {"plain", "With Space", "quo\"te",       "apo'strophe", "back\\slash", "new\nline",
                               ";--",   "$1 $$ $a$",  "Grüße 世界 🛷", "MiXeD",       "select",      std::string(63, 'x')};
  for (const std::string& name : names) {
    const auto result = connection.query("SELECT " + quote_literal(name) + " AS " + quote_identifier(name));
    ASSERT_TRUE(result) << name;
    EXPECT_EQ(result->text(0, 0), name);
    ASSERT_TRUE(connection.exec("CREATE TEMP TABLE " + quote_identifier(name) + " (" + quote_identifier(name) + " int)")) << name;
    const auto found = connection.query("SELECT relname FROM pg_class WHERE oid = " + quote_literal(quote_qualified("pg_temp", name)) + "::regclass");
    ASSERT_TRUE(found) << found.error().message();
    EXPECT_EQ(found->text(0, 0), name);
  }
}

TEST(Connection, takes_notifications_that_have_arrived) {
  Connection listener = server().connect();
  ASSERT_TRUE(listener.exec("LISTEN luge_test"));
  EXPECT_FALSE(*listener.take_notifications());
  Connection other = server().connect();
  ASSERT_TRUE(other.exec("NOTIFY luge_test"));
  bool taken = false;
  for (int attempt = 0; attempt < 500 && !taken; ++attempt) {
    taken = *listener.take_notifications();
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  EXPECT_TRUE(taken);
  EXPECT_FALSE(*listener.take_notifications());
}

TEST(Connection, a_lost_listener_says_so) {
  Connection listener = server().connect();
  ASSERT_TRUE(listener.exec("LISTEN luge_test"));
  server().run("SELECT pg_terminate_backend(" + std::to_string(listener.backend_pid()) + ")");
  auto taken = listener.take_notifications();
  for (int attempt = 0; attempt < 500 && taken; ++attempt) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
    taken = listener.take_notifications();
  }
  ASSERT_FALSE(taken);
  EXPECT_EQ(taken.error().recovery, Recovery::reconnect);
}

}  // namespace
}  // namespace luge
