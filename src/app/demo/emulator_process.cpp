#include "app/demo/emulator_process.h"

#include <chrono>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <signal.h>

#include "app/demo/interruption.h"
#include "app/demo/temporary_directory.h"
#include "http/curl_client.h"

namespace luge {

namespace {

using nlohmann::json;
using std::chrono::seconds;
using std::chrono::steady_clock;

constexpr auto kStartPatience = seconds(60);

}  // namespace

Result<EmulatorProcess> EmulatorProcess::start(const std::string& program, const std::string& directory, const std::vector<std::string>& databases) {
  std::error_code ignored;
  const std::string path = std::filesystem::absolute(program, ignored).string();
  if (!std::filesystem::is_regular_file(path, ignored))
    return fatal("demo", path + " is not the emulator", "give emulator/run of luge's source tree");
  const std::string log = directory + "/emulator.log";
  // Few threads: two cores have a server, luge and the writers to carry besides.
  std::vector<std::string> words{path, "--dir",       directory, "--http-port", "0", "--https-port", "0", "--control-port",
                                 "0",  "--demo-user", "luge",    "--threads",   "1", "--json"};
  for (const std::string& database : databases) words.insert(words.end(), {"--database", database + ".PUBLIC"});
  TRY(Child child, Child::start({std::move(words), log, directory, "", SIGTERM}));
  EmulatorProcess emulator(std::move(child));
  for (const auto deadline = steady_clock::now() + kStartPatience; steady_clock::now() < deadline;) {
    if (interrupted()) return interruption();
    const json facts = json::parse(last_line(log), nullptr, false);
    if (facts.is_object() && facts.contains("control_port")) {
      emulator.http_port_ = facts.at("http_port").get<int>();
      emulator.https_port_ = facts.at("https_port").get<int>();
      emulator.control_port_ = facts.at("control_port").get<int>();
      emulator.ca_file_ = facts.at("ca_file").get<std::string>();
      emulator.private_key_file_ = facts.at("private_key_file").get<std::string>();
      CHECK_OK(emulator.run(databases.front(), "CREATE WAREHOUSE IF NOT EXISTS LUGE"));
      return emulator;
    }
    if (emulator.child_.wait(std::chrono::milliseconds(50))) break;
  }
  return fatal("demo", "the Snowflake emulator did not start: " + last_line(log), "tools/setup --with emulator --with sdk");
}

std::string EmulatorProcess::config(const std::string& transport, const std::string& database) const {
  const bool secure = transport == "sdk";
  return std::string("snowflake:\n  url: ") +
         (secure ? "https://localhost:" + std::to_string(https_port_) + "\n  ca_file: " + ca_file_
                 : "http://127.0.0.1:" + std::to_string(http_port_)) +
         "\n  account: LUGE\n  user: LUGE\n  role: LUGE\n  private_key_file: " + private_key_file_ + "\n  database: " + database +
         "\n  warehouse: LUGE\n  merge_interval: 1s\n  transport: " + transport + "\n";
}

Result<std::vector<std::string>> EmulatorProcess::run(const std::string& database, const std::string& sql) const {
  CurlClient http{CurlOptions{}};
  const std::string body = json{{"statement", sql}, {"database", database}, {"schema", "PUBLIC"}}.dump();
  HttpRequest request;
  request.method = HttpRequest::Method::post;
  request.url = "http://127.0.0.1:" + std::to_string(control_port_) + "/sql";
  request.headers = {{"Content-Type", "application/json"}};
  request.body = body;
  TRY(const HttpResponse response, http.send(request));
  const json answer = json::parse(response.body, nullptr, false);
  if (!response.good() || !answer.is_object()) return fatal("demo", "the emulator does not answer: " + response.body);
  std::vector<std::string> cells;
  if (const auto rows = answer.find("rows"); rows != answer.end() && !rows->empty()) {
    for (const json& cell : rows->front()) cells.push_back(cell.is_string() ? cell.get<std::string>() : cell.dump());
  }
  return cells;
}

}  // namespace luge
