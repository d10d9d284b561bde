#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <sys/stat.h>
#include <unistd.h>

#include "app/option_table.h"
#include "app/snowflake/snowflake_checks.h"
#include "app/snowflake/snowflake_init.h"
#include "app/snowflake/snowflake_settings.h"
#include "app/verbs.h"
#include "support/snowflake_emulator.h"

namespace luge {
namespace {

using Json = nlohmann::json;

struct SnowflakeInitTest : testing::Test {
  SnowflakeInitTest() {
    std::string made = (std::filesystem::temp_directory_path() / "luge-init-XXXXXX").string();
    EXPECT_NE(::mkdtemp(made.data()), nullptr);
    directory = made;
    options.arguments = {"init"};
    options.json = true;
    SnowflakeOptions& section = options.snowflake.emplace();
    section.url = emulator.url();
    section.account = emulator.account();
    section.user = "LOADER";
    section.role = "LOADER_ROLE";
    section.database = "MADE_BY_INIT";
    section.schema = "we\"ird; schema";
    section.warehouse = "wh's";
    section.private_key_file = directory + "/key.p8";
    section.transport = SnowflakeOptions::Transport::rest;
  }
  ~SnowflakeInitTest() override { std::filesystem::remove_all(directory); }

  void as_administrator() {
    options.run_statements = true;
    options.admin_user = emulator.user();
    options.admin_key_file = emulator.private_key_file();
  }
  Json run(ExitCode expected = ExitCode::done) {
    testing::internal::CaptureStdout();
    const auto code = snowflake_verb(options, [this](const std::string& name) -> std::optional<std::string> {
      return name == "LUGE_KEY_PASSPHRASE" && !passphrase.empty() ? std::optional<std::string>(passphrase) : std::nullopt;
    });
    const std::string printed = testing::internal::GetCapturedStdout();
    EXPECT_TRUE(code) << (code ? "" : code.error().message());
    if (!code) return {};
    EXPECT_EQ(*code, expected) << printed;
    EXPECT_EQ(printed.find("PRIVATE KEY"), std::string::npos);
    EXPECT_TRUE(passphrase.empty() || printed.find(passphrase) == std::string::npos);
    return Json::parse(printed);
  }
  std::string fingerprint_of(const std::string& user) const {
    for (const auto& row : emulator.sql("DESC USER \"" + user + "\"")) {
      if (row[0] == "RSA_PUBLIC_KEY_FP") return row[1].value_or("");
    }
    return {};
  }
  std::string key_text() const {
    std::ifstream file(directory + "/key.p8");
    return {std::istreambuf_iterator<char>(file), {}};
  }

  SnowflakeEmulator& emulator = SnowflakeEmulator::shared();
  std::string directory;
  std::string passphrase;
  Options options = default_options();
};

TEST_F(SnowflakeInitTest, MakesEverythingThatARunNeedsAndMayBeRepeated) {
  passphrase = "open sesame";
  as_administrator();
  const Json first = run();
  EXPECT_TRUE(first["ran"].get<bool>());
  EXPECT_TRUE(first["key"]["created"].get<bool>());
  struct stat facts {};
  ASSERT_EQ(::stat((directory + "/key.p8").c_str(), &facts), 0);
  EXPECT_EQ(facts.st_mode & 0777U, 0600U);
  const std::string key = key_text();
  EXPECT_NE(key.find("ENCRYPTED"), std::string::npos);
  EXPECT_EQ(fingerprint_of("LOADER"), first["key"]["fingerprint"]);
  for (const Json& check : first["checks"]) EXPECT_NE(check["level"], "problem") << check;

  const Json second = run();
  EXPECT_FALSE(second["key"]["created"].get<bool>());
  EXPECT_EQ(second["key"]["fingerprint"], first["key"]["fingerprint"]);
  EXPECT_EQ(key_text(), key);

  // What it prints for luge.yaml signs in.
  Options configured = default_options();
  const Status applied = apply_config_text(configured, first["config"], "printed", [this](const std::string&) { return std::optional(passphrase); });
  ASSERT_TRUE(applied) << applied.error().message() << first["config"];
  const auto section = require_snowflake(configured);
  ASSERT_TRUE(section) << section.error().message();
  EXPECT_EQ(exit_code_of(check_snowflake(*section)), ExitCode::done);
}

TEST_F(SnowflakeInitTest, PrintsAScriptThatRuns) {
  options.snowflake->user = "PRINTED";
  options.snowflake->schema.clear();
  options.json = false;
  testing::internal::CaptureStdout();
  const auto code = snowflake_verb(options, [](const std::string&) { return std::nullopt; });
  const std::string script = testing::internal::GetCapturedStdout();
  ASSERT_TRUE(code) << code.error().message();
  emulator.sql(script.substr(0, script.find("-- for luge.yaml")));
  const auto pair = KeyPair::load(directory + "/key.p8", "");
  ASSERT_TRUE(pair);
  EXPECT_EQ(fingerprint_of("PRINTED"), pair->fingerprint()) << script;
}

TEST_F(SnowflakeInitTest, AKeyThatIsNotTheUsersIsNamed) {
  as_administrator();
  run();
  SnowflakeOptions other = *options.snowflake;
  other.private_key_file = directory + "/other.p8";
  const auto key = take_or_make_key(other.private_key_file, "");
  ASSERT_TRUE(key);
  const auto completed = complete_snowflake(other);
  ASSERT_TRUE(completed);
  const auto checks = check_snowflake(*completed);
  ASSERT_FALSE(checks.empty());
  EXPECT_EQ(checks.back().name, "auth");
  EXPECT_NE(checks.back().what.find(key->pair.fingerprint()), std::string::npos);
}

TEST_F(SnowflakeInitTest, AClockThatIsOffIsNamed) {
  as_administrator();
  run();
  const auto completed = complete_snowflake(*options.snowflake);
  ASSERT_TRUE(completed);
  emulator.control("settings", "POST", {{"clock_offset_seconds", 7200}});
  const auto checks = check_snowflake(*completed);
  emulator.control("settings", "POST", {{"clock_offset_seconds", 0}});
  ASSERT_FALSE(checks.empty());
  EXPECT_EQ(checks.back().name, "clock");
  EXPECT_NE(checks.back().what.find("behind"), std::string::npos) << checks.back().what;
  EXPECT_FALSE(checks.back().fix.empty());
  EXPECT_EQ(exit_code_of(check_snowflake(*completed)), ExitCode::done);
}

TEST_F(SnowflakeInitTest, WhatIsMissingIsNamed) {
  as_administrator();
  run();
  const auto problem_with = [&](auto change) {
    SnowflakeOptions changed = *options.snowflake;
    change(changed);
    const auto completed = complete_snowflake(changed);
    EXPECT_TRUE(completed);
    std::string names;
    for (const Check& check : check_snowflake(*completed)) {
      if (check.level == Check::Level::problem) names += check.name + " ";
    }
    return names;
  };
  EXPECT_EQ(problem_with([](SnowflakeOptions&) {}), "");
  EXPECT_EQ(problem_with([](SnowflakeOptions& changed) { changed.database = "NONE"; }), "database ");
  EXPECT_EQ(problem_with([](SnowflakeOptions& changed) { changed.schema = "NONE"; }), "schema ");
  EXPECT_EQ(problem_with([](SnowflakeOptions& changed) { changed.warehouse = "NONE"; }), "warehouse ");
  EXPECT_EQ(problem_with([](SnowflakeOptions& changed) { changed.account = "OTHER"; }), "auth ");
}

TEST_F(SnowflakeInitTest, TrustAndReach) {
  as_administrator();
  run();
  SnowflakeOptions secure = *options.snowflake;
  secure.url = emulator.https_url();
  EXPECT_EQ(check_snowflake(secure).back().name, "tls");
  secure.ca_file = emulator.ca_file();
  EXPECT_EQ(exit_code_of(check_snowflake(secure)), ExitCode::done);
  secure.url = "http://127.0.0.1:1";
  const auto start = std::chrono::steady_clock::now();
  EXPECT_EQ(check_snowflake(secure).back().name, "unreachable");
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(5));
}

TEST_F(SnowflakeInitTest, NeverOverwritesAndNeedsAnAdministrator) {
  std::ofstream(directory + "/key.p8") << "precious";
  ::chmod((directory + "/key.p8").c_str(), 0600);
  EXPECT_FALSE(snowflake_verb(options, [](const std::string&) { return std::nullopt; }));
  EXPECT_EQ(key_text(), "precious");
  options.run_statements = true;
  const auto nobody = snowflake_verb(options, [](const std::string&) { return std::nullopt; });
  ASSERT_FALSE(nobody);
  EXPECT_EQ(nobody.error().exit_code, ExitCode::usage);
}

}  // namespace
}  // namespace luge
