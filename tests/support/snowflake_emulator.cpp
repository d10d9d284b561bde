#include "support/snowflake_emulator.h"

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <poll.h>
#include <signal.h>
#include <sstream>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

#include "http/curl_client.h"

namespace luge {

namespace {

constexpr int kStartSeconds = 60;

[[noreturn]] void give_up(const std::string& why) {
  std::fprintf(stderr, "SnowflakeEmulator: %s\n", why.c_str());
  std::abort();
}

std::string python() {
  const char* given = std::getenv("LUGE_DEPS");
  std::string path = std::string(given != nullptr ? given : LUGE_DEPS) + "/emulator-venv/bin/python";
  if (access(path.c_str(), X_OK) != 0) give_up(path + " is missing: run tools/setup --with emulator");
  return path;
}

std::string read_file(const std::string& path) {
  std::ifstream in(path);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

/// The child's standard output is the pipe, its standard error the log.
pid_t spawn(const std::vector<std::string>& command, const std::string& log, int output) {
  std::vector<char*> arguments;
  for (const std::string& word : command) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  const pid_t parent = getpid();
  const pid_t child = fork();
  if (child != 0) return child;
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(126);
  const int errors = open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (errors < 0 || dup2(output, 1) < 0 || dup2(errors, 2) < 0) _exit(126);
  setpgid(0, 0);  // ctrl-C at the terminal is for the test
  setenv("PYTHONPATH", LUGE_EMULATOR_SOURCE, 1);
  execv(arguments[0], arguments.data());
  _exit(127);
}

/// The first line, or what came until the end or the time-out.
std::string read_line(int from) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(kStartSeconds);
  std::string line;
  while (line.find('\n') == std::string::npos) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(end - std::chrono::steady_clock::now()).count();
    pollfd wait{from, POLLIN, 0};
    if (left <= 0 || poll(&wait, 1, static_cast<int>(left)) <= 0) break;
    char bytes[4096];
    const ssize_t count = read(from, bytes, sizeof bytes);
    if (count <= 0) break;
    line.append(bytes, static_cast<std::size_t>(count));
  }
  return line;
}

}  // namespace

SnowflakeEmulator::SnowflakeEmulator(std::vector<std::string> options) : options_(std::move(options)) {
  std::string pattern = (std::filesystem::temp_directory_path() / "luge_snowflake_XXXXXX").string();
  if (mkdtemp(pattern.data()) == nullptr) give_up("cannot make " + pattern);
  directory_ = pattern;
  start();
}

SnowflakeEmulator::~SnowflakeEmulator() {
  end(SIGKILL);
  std::error_code ignored;
  std::filesystem::remove_all(directory_, ignored);
}

SnowflakeEmulator& SnowflakeEmulator::shared() {
  static SnowflakeEmulator emulator;
  return emulator;
}

void SnowflakeEmulator::start() {
  if (server_ != 0) give_up("started twice");
  std::vector<std::string> command = {python(),      "-m",   "luge_emulator", "--json",    "--dir",     directory_,
                                      "--demo-user", "luge", "--database",    "DB.PUBLIC", "--threads", "1"};
  for (const auto& [name, port] : {std::pair{"http", http_port_}, {"https", https_port_}, {"control", control_port_}}) {
    command.push_back("--" + std::string(name) + "-port=" + std::to_string(port));
  }
  command.insert(command.end(), options_.begin(), options_.end());
  const std::string log = directory_ + "/emulator.log";
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) give_up("no pipe");
  server_ = spawn(command, log, ends[1]);
  close(ends[1]);
  const Json facts = Json::parse(read_line(ends[0]), nullptr, false);
  close(ends[0]);
  if (!facts.is_object()) {
    end(SIGKILL);
    give_up("the emulator did not start: " + read_file(log));
  }
  http_port_ = facts.at("http_port").get<int>();
  https_port_ = facts.at("https_port").get<int>();
  control_port_ = facts.at("control_port").get<int>();
  ca_file_ = facts.at("ca_file").get<std::string>();
  private_key_file_ = facts.at("private_key_file").get<std::string>();
  oauth_client_id_ = facts.at("oauth_client_id").get<std::string>();
  oauth_client_secret_ = read_file(facts.at("oauth_client_secret_file").get<std::string>());
  oauth_refresh_token_ = read_file(facts.at("oauth_refresh_token_file").get<std::string>());
}

void SnowflakeEmulator::kill() { end(SIGKILL); }

void SnowflakeEmulator::stop() { end(SIGTERM); }

void SnowflakeEmulator::end(int signal_number) {
  if (server_ == 0) return;
  ::kill(server_, signal_number);
  for (int attempt = 0; attempt < 1500; ++attempt) {
    if (waitpid(server_, nullptr, WNOHANG) == server_) {
      server_ = 0;
      return;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  ::kill(server_, SIGKILL);
  waitpid(server_, nullptr, 0);
  server_ = 0;
}

SnowflakeEmulator::Json SnowflakeEmulator::control(const std::string& name, const std::string& method, const Json& fields) const {
  CurlClient http{CurlOptions{}};
  const std::string body = fields.dump();
  HttpRequest request;
  request.url = "http://127.0.0.1:" + std::to_string(control_port_) + "/" + name;
  request.headers = {{"Content-Type", "application/json"}};
  if (method == "POST") request.method = HttpRequest::Method::post;
  if (method == "DELETE") request.method = HttpRequest::Method::remove;
  if (method != "GET") request.body = body;
  const auto response = http.send(request);
  if (!response) give_up("control " + name + ": " + response.error().message());
  if (!response->good()) give_up("control " + name + " " + body + ": " + response->body);
  return Json::parse(response->body);
}

void SnowflakeEmulator::calm() const {
  control("faults", "DELETE");
  control("release");
}

std::vector<SnowflakeEmulator::Row> SnowflakeEmulator::sql(const std::string& statement) const {
  const Json answer = control("sql", "POST", {{"statement", statement}, {"database", database()}, {"schema", schema()}});
  std::vector<Row> rows;
  for (const Json& row : answer.value("rows", Json::array())) {
    Row& values = rows.emplace_back();
    for (const Json& value : row) values.push_back(value.is_null() ? std::nullopt : std::optional<std::string>(value.get<std::string>()));
  }
  return rows;
}

std::string SnowflakeEmulator::cell(const std::string& statement) const {
  const auto rows = sql(statement);
  return rows.empty() || rows[0].empty() ? "" : rows[0][0].value_or("NULL");
}

}  // namespace luge
