#include "postgres/sqlstate.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "postgres/postgres_error.h"

namespace luge {
namespace {

TEST(Sqlstate, each_class_has_its_recovery) {
  const std::pair<std::string_view, Recovery> rows[] = {
      {"08006", Recovery::reconnect},     {"08P01", Recovery::stop_pipeline}, {"57P01", Recovery::reconnect},     {"57P03", Recovery::reconnect},
      {"57014", Recovery::retry},         {"40001", Recovery::retry},         {"40P01", Recovery::retry},         {"53100", Recovery::retry},
      {"53300", Recovery::retry},         {"53400", Recovery::stop_pipeline}, {"55006", Recovery::retry},         {"55P03", Recovery::retry},
      {"25P04", Recovery::reconnect},     {"42501", Recovery::stop_pipeline}, {"28P01", Recovery::stop_pipeline}, {"3D000", Recovery::stop_pipeline},
      {"42704", Recovery::stop_pipeline}, {"55000", Recovery::stop_pipeline}, {"XX000", Recovery::stop_pipeline}, {"", Recovery::stop_pipeline}};
  for (const auto& [code, recovery] : rows) EXPECT_EQ(recovery_of_sqlstate(code), recovery) << code;
}

TEST(Sqlstate, messages_that_may_quote_values_are_dropped) {
  for (std::string_view code : {"22P02", "23505", "P0001", "38000", "39001", "44000", "2F002", "99999", "", "4250"})
    EXPECT_FALSE(primary_message_is_safe(code)) << code;
  for (std::string_view code : {"42P01", "42501", "55006", "57P01", "53300", "XX000", "58P01"}) EXPECT_TRUE(primary_message_is_safe(code)) << code;
  const Error error =
      error_from_message({.sqlstate = "23505", .primary = "value 42", .hint = "42", .schema = "s", .table = "t", .column = "c"}, "here");
  EXPECT_EQ(error.message().find("42"), std::string::npos);
  EXPECT_NE(error.what.find("table s.t, column c"), std::string::npos);
}

TEST(ConnectError, reads_the_sqlstate_of_a_verbose_message) {
  const Error refused = error_from_connect(
      "connection to server at \"h\" (10.0.0.1), port 5432 failed: FATAL:  28P01: password authentication failed for user \"u\"\nLOCATION:  "
      "auth_failed, auth.c:326\n",
      "u@h", true);
  EXPECT_EQ(refused.code, "28P01");
  EXPECT_EQ(refused.what.find("auth.c"), std::string::npos);
  EXPECT_EQ(error_from_connect("SCHWERER FEHLER:  57P03: das Datenbanksystem startet\n", "u@h", true).recovery, Recovery::reconnect);
  EXPECT_EQ(error_from_connect("FATAL:  53300: too many\n", "u@h", true).recovery, Recovery::reconnect);
  EXPECT_EQ(error_from_connect("ERROR:  08P01: unsupported startup parameter: options\n", "u@h", true).code, "pooler");
  EXPECT_EQ(error_from_connect("could not translate host name\n", "u@h", true).code, "unreachable");
}

TEST(ConnectError, a_server_that_is_not_who_it_should_be_comes_with_the_option_that_helps) {
  const std::pair<std::string_view, std::string_view> rows[] = {
      {"root certificate file \"/home/u/.postgresql/root.crt\" does not exist\nEither provide the file or change sslmode", "sslrootcert="},
      {"connection to server at \"h\", port 5432 failed: SSL error: certificate verify failed\n", "sslrootcert="},
      {"server certificate for \"db.example.com\" does not match host name \"h\"\n", "host=NAME"},
      {"host name must be specified for a verified SSL connection\n", "host=NAME"},
      {"server does not support SSL, but SSL was required\n", "sslmode=disable"}};
  for (const auto& [text, hint] : rows) {
    const Error error = error_from_connect(text, "u@h", true);
    EXPECT_EQ(error.code, "tls") << text;
    EXPECT_NE(error.hint.find(hint), std::string::npos) << text;
  }
}

}  // namespace
}  // namespace luge
