#include "postgres/connection_options.h"

#include <fstream>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "postgres/service_file.h"

namespace luge {
namespace {

using testing::HasSubstr;
using testing::Not;

std::optional<std::string> empty_environment(const char* /*name*/) { return std::nullopt; }

ConnectionOptions parse(const std::string& conninfo) {
  auto options = ConnectionOptions::parse(conninfo, "shop", empty_environment);
  EXPECT_TRUE(options) << options.error().message();
  return *std::move(options);
}

TEST(ConnectionOptions, verifies_the_server_unless_it_is_local) {
  EXPECT_EQ(parse("postgres://u@db.example.com/app").get("sslmode"), "verify-full");
  EXPECT_EQ(parse("postgres://u@10.0.0.7/app").get("sslmode"), "verify-full");
  EXPECT_EQ(parse("host=a.example.com,localhost").get("sslmode"), "verify-full");
  EXPECT_EQ(parse("postgres://u@localhost/app").get("sslmode"), "");
  EXPECT_EQ(parse("postgres://u@127.0.0.5/app").get("sslmode"), "");
  EXPECT_EQ(parse("postgres://u@[::1]/app").get("sslmode"), "");
  EXPECT_EQ(parse("host=/run/postgresql").get("sslmode"), "");
  EXPECT_EQ(parse("dbname=app").get("sslmode"), "");
  EXPECT_EQ(parse("host=db.example.com hostaddr=127.0.0.1").get("sslmode"), "");
}

TEST(ConnectionOptions, an_address_from_elsewhere_decides_too) {
  const auto with = [](std::map<std::string, std::string> variables) {
    return [variables = std::move(variables)](const char* name) -> std::optional<std::string> {
      const auto found = variables.find(name);
      return found == variables.end() ? std::nullopt : std::optional(found->second);
    };
  };
  const auto mode = [&](const std::string& conninfo, std::map<std::string, std::string> variables) {
    return std::string(ConnectionOptions::parse(conninfo, "p", with(std::move(variables)))->get("sslmode"));
  };
  EXPECT_EQ(mode("dbname=app", {{"PGHOSTADDR", "10.0.0.5"}}), "verify-full");
  EXPECT_EQ(mode("host=localhost", {{"PGHOSTADDR", "10.0.0.5"}}), "verify-full");
  EXPECT_EQ(mode("host=localhost hostaddr=127.0.0.1", {{"PGHOSTADDR", "10.0.0.5"}}), "");
  EXPECT_EQ(mode("host=db.example.com", {{"PGHOSTADDR", "127.0.0.1"}}), "");
  EXPECT_EQ(mode("host=localhost", {{"PGHOSTADDR", "127.0.0.1,10.0.0.5"}}), "verify-full");
  EXPECT_EQ(mode("dbname=app", {{"PGHOST", "db.example.com"}}), "verify-full");
  EXPECT_EQ(mode("host=127.example.com", {}), "verify-full") << "a name, not an address";
  EXPECT_EQ(ConnectionOptions::parse("host=localhost user=u dbname=app", "p", with({{"PGHOSTADDR", "10.0.0.5"}}))->redacted(),
            "u@localhost at 10.0.0.5/app");

  const std::string directory = testing::TempDir();
  std::ofstream(directory + "pg_service.conf")
      << "[far]\nhostaddr=10.0.0.5\nhost=localhost\n[near]\nhost=/tmp\n[open]\nhost=db.example.com\nsslmode=prefer\n";
  const auto service = [&](const std::string& name, std::map<std::string, std::string> more = {}) {
    more.insert({{"PGSERVICE", name}, {"PGSYSCONFDIR", directory}});
    return mode("dbname=app", std::move(more));
  };
  EXPECT_EQ(service("far"), "verify-full");
  EXPECT_EQ(service("near"), "");
  EXPECT_EQ(service("near", {{"PGHOSTADDR", "10.0.0.5"}}), "verify-full");
  EXPECT_EQ(service("open"), "prefer");
  EXPECT_EQ(service("far", {{"PGSERVICEFILE", directory + "absent.conf"}}), "verify-full");
  EXPECT_FALSE(ConnectionOptions::parse("dbname=app", "p", with({{"PGSERVICE", "absent"}, {"PGSYSCONFDIR", directory}})));
}

TEST(ConnectionOptions, the_users_word_on_tls_wins) {
  const ConnectionOptions options = parse("postgres://u@db.example.com/app?sslmode=require");
  EXPECT_EQ(options.get("sslmode"), "require");
  EXPECT_TRUE(options.tls_unverified());
  EXPECT_FALSE(parse("postgres://u@db.example.com/app").tls_unverified());
  EXPECT_EQ(parse("host=db.example.com sslrootcert=/my/ca.pem").get("sslrootcert"), "/my/ca.pem");
  const auto environment = [](const char* name) -> std::optional<std::string> {
    if (std::string_view(name) == "PGSSLMODE") return "prefer";
    return std::nullopt;
  };
  EXPECT_EQ(ConnectionOptions::parse("host=db.example.com", "p", environment)->get("sslmode"), "prefer");
}

TEST(ConnectionOptions, names_itself_and_watches_the_line) {
  const ConnectionOptions options = parse("host=/tmp");
  EXPECT_EQ(options.get("application_name"), "luge/shop");
  EXPECT_EQ(options.get("tcp_user_timeout"), "60000");
  EXPECT_EQ(options.connect_timeout_s(), 10);
  EXPECT_EQ(parse("host=a,b connect_timeout=3").connect_timeout_s(), 6);
  EXPECT_EQ(parse("host=/tmp application_name=mine replication=database").get("application_name"), "mine");
  EXPECT_EQ(parse("host=/tmp replication=database").get("replication"), "");
}

TEST(ConnectionOptions, describes_itself_without_the_password) {
  EXPECT_EQ(parse("postgres://u:pa%40ss@db.example.com:5433/app").redacted(), "u@db.example.com:5433/app");
  EXPECT_EQ(parse("postgres://u:pa%40ss@db.example.com:5433/app").get("password"), "pa@ss");
}

TEST(ConnectionOptions, a_mistyped_source_never_shows_its_parts) {
  for (const std::string text : {"postgres://u:hun/ter2@host/db", "postgres://u:12/hunter2@host/db", "host=h port=hunter2",
                                 "postgres://u:hun@ter2@host/db", "host=h password=hun ter2", "hunter2", "postgres://u:hunter2@host:port/db?x=y"}) {
    const auto options = ConnectionOptions::parse(text, "p", empty_environment);
    ASSERT_FALSE(options) << text;
    EXPECT_EQ(options.error().code, "bad_conninfo");
    EXPECT_EQ(options.error().exit_code, ExitCode::usage);
    EXPECT_THAT(options.error().message(), Not(HasSubstr("hun"))) << text;
    EXPECT_THAT(options.error().message(), Not(HasSubstr("ter2"))) << text;
  }
}

TEST(ConnectionOptions, takes_a_service_as_the_users_word) {
  const std::string path = testing::TempDir() + "luge_service.conf";
  std::ofstream(path) << "# mine\n[other]\nhost=wrong\n[shop]\nhost=db.example.com\nsslmode=disable\nuser=reader\n[shop]\nhost=late\n";
  const auto environment = [&path](const char* name) -> std::optional<std::string> {
    if (std::string_view(name) == "PGSERVICEFILE") return path;
    return std::nullopt;
  };
  const auto options = ConnectionOptions::parse("service=shop user=me", "p", environment);
  ASSERT_TRUE(options);
  EXPECT_EQ(options->get("host"), "db.example.com");
  EXPECT_EQ(options->get("sslmode"), "disable");
  EXPECT_EQ(options->get("user"), "me");
  EXPECT_FALSE(ConnectionOptions::parse("service=absent", "p", environment));
}

TEST(ServiceFile, reads_the_first_section_of_a_name) {
  EXPECT_EQ(parse_service_file("[a]\nhost=x\n", "b"), std::nullopt);
  EXPECT_EQ(parse_service_file("[a]\r\nhost=x\r\nport=1\r\n[b]\nhost=y", "a")->at("port"), "1");
  EXPECT_TRUE(parse_service_file("[a]", "a")->empty());
}

TEST(ConnectionOptions, written_is_what_the_text_says_and_nothing_more) {
  const auto written = ConnectionOptions::written("postgres://app:${PW}@db/shop?sslmode=require");
  ASSERT_TRUE(written);
  const ConnectionOptions::Keywords expected{{"dbname", "shop"}, {"host", "db"}, {"password", "${PW}"}, {"sslmode", "require"}, {"user", "app"}};
  EXPECT_EQ(*written, expected);
  EXPECT_EQ(ConnectionOptions::written("service=shop")->size(), 1U);
  EXPECT_EQ(ConnectionOptions::written("no conninfo").error().code, "bad_conninfo");
}

}  // namespace
}  // namespace luge
