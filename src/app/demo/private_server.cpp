#include "app/demo/private_server.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <memory>
#include <pwd.h>
#include <signal.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>
#include <vector>

#include "app/name_pattern.h"
#include "postgres/connection.h"

namespace luge {

namespace {

namespace fs = std::filesystem;

bool has_programs(const fs::path& directory) {
  return ::access((directory / "initdb").c_str(), X_OK) == 0 && ::access((directory / "postgres").c_str(), X_OK) == 0;
}

std::string output_of_pg_config() {
  const std::unique_ptr<FILE, int (*)(FILE*)> pipe(::popen("pg_config --bindir 2>/dev/null", "r"), ::pclose);
  std::array<char, 4096> line{};
  if (!pipe || std::fgets(line.data(), line.size(), pipe.get()) == nullptr) return {};
  std::string text(line.data());
  while (!text.empty() && text.back() == '\n') text.pop_back();
  return text;
}

std::string server_user() {
  if (::geteuid() != 0) return {};
  return ::getpwnam("postgres") != nullptr ? "postgres" : "nobody";
}

std::string last_lines(const std::string& path) {
  std::ifstream file(path);
  std::string line;
  std::string before;
  while (std::getline(file, line)) before = line.empty() ? before : line;
  return before;
}

Status initialise(const std::string& programs, const std::string& directory, const std::string& user) {
  const std::string log = directory + "/initdb.log";
  TRY(Child initdb,
      Child::start({{programs + "/initdb", "-D", directory + "/data", "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-locale", "-N"},
                    log,
                    directory,
                    user,
                    SIGTERM}));
  const auto status = initdb.wait(std::chrono::seconds(60));
  if (status && WIFEXITED(*status) && WEXITSTATUS(*status) == 0) return ok();
  return fatal("demo", "initdb failed: " + last_lines(log), "LUGE_POSTGRES_BIN names the directory of another PostgreSQL's programs");
}

}  // namespace

std::optional<std::string> find_postgres_programs(const Environment& environment) {
  if (const auto chosen = environment("LUGE_POSTGRES_BIN")) return has_programs(*chosen) ? chosen : std::nullopt;
  for (const std::string& directory : split_outside_quotes(environment("PATH").value_or(""), ':')) {
    if (!directory.empty() && has_programs(directory)) return directory;
  }
  if (const std::string directory = output_of_pg_config(); !directory.empty() && has_programs(directory)) return directory;
  std::vector<std::pair<int, std::string>> versions;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator("/usr/lib/postgresql", ignored)) {
    const fs::path bin = entry.path() / "bin";
    if (has_programs(bin)) versions.emplace_back(std::atoi(entry.path().filename().c_str()), bin.string());
  }
  if (versions.empty()) return std::nullopt;
  return std::ranges::max(versions).second;
}

Result<PrivateServer> PrivateServer::start(const std::string& directory, const Environment& environment) {
  const auto programs = find_postgres_programs(environment);
  if (!programs) {
    return fatal("demo", "no PostgreSQL server programs were found (initdb and postgres)",
                 "install a PostgreSQL server, for example apt install postgresql, or set LUGE_POSTGRES_BIN");
  }
  const std::string user = server_user();
  if (!user.empty()) {
    const passwd* account = ::getpwnam(user.c_str());
    if (account == nullptr || ::chown(directory.c_str(), account->pw_uid, account->pw_gid) != 0)
      return fatal("demo", "cannot hand " + directory + " to user " + user);
  }
  CHECK_OK(initialise(*programs, directory, user));
  std::vector<std::string> words{*programs + "/postgres", "-D", directory + "/data", "-k", directory, "-p", "5432"};
  for (const char* setting : {"listen_addresses=", "wal_level=logical", "fsync=off", "shared_buffers=64MB", "max_wal_size=1GB",
                              "autovacuum_naptime=1h", "log_min_messages=error"}) {
    words.emplace_back("-c");
    words.emplace_back(setting);
  }
  const std::string log = directory + "/server.log";
  TRY(Child process, Child::start({words, log, directory, user, SIGINT}));
  PrivateServer server(directory, std::move(process));
  TRY(const auto options, ConnectionOptions::parse(server.conninfo(), "demo"));
  for (int attempt = 0; attempt < 300; ++attempt) {
    if (Connection::open(options)) return server;
    if (server.server_.wait(std::chrono::milliseconds(100))) break;
  }
  return fatal("demo", "the PostgreSQL server did not start: " + last_lines(log));
}

}  // namespace luge
