#include "support/temp_postgres.h"

#include <arpa/inet.h>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <grp.h>
#include <netinet/in.h>
#include <pwd.h>
#include <signal.h>
#include <sstream>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

namespace luge {

namespace {

[[noreturn]] void give_up(const std::string& why) {
  std::fprintf(stderr, "TempPostgres: %s\n", why.c_str());
  std::abort();
}

int free_port() {
  const int probe = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof address;
  if (bind(probe, reinterpret_cast<sockaddr*>(&address), length) != 0) give_up("no free port");
  getsockname(probe, reinterpret_cast<sockaddr*>(&address), &length);
  close(probe);
  return ntohs(address.sin_port);
}

// PostgreSQL refuses to run as root.
const passwd* server_user() {
  if (geteuid() != 0) return nullptr;
  const passwd* user = getpwnam("postgres");
  if (user == nullptr) give_up("running as root, and there is no user postgres");
  return user;
}

pid_t spawn(const std::vector<std::string>& command, const std::string& log, bool die_with_parent) {
  const passwd* user = server_user();
  const uid_t uid = user == nullptr ? 0 : user->pw_uid;
  const gid_t gid = user == nullptr ? 0 : user->pw_gid;
  std::vector<char*> arguments;
  for (const std::string& word : command) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  const pid_t parent = getpid();
  const pid_t child = fork();
  if (child != 0) return child;
  const int output = open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (output < 0 || dup2(output, 1) < 0 || dup2(output, 2) < 0) _exit(126);
  if (uid != 0 && (setgroups(0, nullptr) != 0 || setgid(gid) != 0 || setuid(uid) != 0)) _exit(126);
  if (die_with_parent) prctl(PR_SET_PDEATHSIG, SIGQUIT);  // after setuid, which clears it
  if (die_with_parent && getppid() != parent) _exit(126);
  setpgid(0, 0);  // ctrl-C at the terminal is for the test
  if (chdir("/") != 0) _exit(126);
  execv(arguments[0], arguments.data());
  _exit(127);
}

std::string read_log(const std::string& path) {
  std::ifstream in(path);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

}  // namespace

std::string TempPostgres::bin_directory() {
  if (const char* given = std::getenv("LUGE_TEST_PG_BIN")) return given;
  int newest = 0;
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator("/usr/lib/postgresql", ignored)) {
    const int major = std::atoi(entry.path().filename().c_str());
    if (major > newest && std::filesystem::exists(entry.path() / "bin" / "initdb")) newest = major;
  }
  if (newest == 0) give_up("no PostgreSQL server found: set LUGE_TEST_PG_BIN");
  return "/usr/lib/postgresql/" + std::to_string(newest) + "/bin";
}

TempPostgres::TempPostgres(Options options) : settings_(std::move(options.settings)) {
  std::string pattern = (std::filesystem::temp_directory_path() / "luge_pg_XXXXXX").string();
  if (mkdtemp(pattern.data()) == nullptr) give_up("cannot make " + pattern);
  directory_ = pattern;
  if (const passwd* user = server_user(); user != nullptr && chown(directory_.c_str(), user->pw_uid, user->pw_gid) != 0) give_up("chown failed");
  chmod(directory_.c_str(), 0755);  // the socket is for the test's user too
  const std::string log = directory_ + "/initdb.log";
  const pid_t child =
      spawn({bin_directory() + "/initdb", "-D", directory_ + "/data", "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"}, log,
            false);
  int status = 0;
  if (waitpid(child, &status, 0) != child || status != 0) give_up("initdb failed: " + read_log(log));
  if (!options.hba.empty()) {
    std::ofstream(directory_ + "/data/pg_hba.conf") << options.hba << "\nlocal all all trust\nhost all all 127.0.0.1/32 trust\n"
                                                    << "local replication all trust\n";
  }
  port_ = free_port();
  start();
}

void TempPostgres::start() {
  if (server_ != 0) give_up("started twice");
  std::vector<std::string> command = {bin_directory() + "/postgres", "-D", directory_ + "/data", "-p", std::to_string(port_), "-k", directory_};
  for (std::string setting :
       {"listen_addresses=127.0.0.1", "wal_level=logical", "fsync=off", "max_wal_senders=20", "max_replication_slots=20", "max_connections=60",
        "shared_buffers=32MB", "log_min_messages=warning", "autovacuum=off", "max_prepared_transactions=4"}) {
    command.insert(command.end(), {"-c", std::move(setting)});
  }
  for (const std::string& setting : settings_) command.insert(command.end(), {"-c", setting});
  const std::string log = directory_ + "/server.log";
  server_ = spawn(command, log, true);
  for (int attempt = 0; attempt < 600; ++attempt) {
    if (auto connection = Connection::open(options())) return;
    if (waitpid(server_, nullptr, WNOHANG) == server_) give_up("the server ended: " + read_log(log));
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  give_up("the server does not answer: " + read_log(log));
}

bool TempPostgres::stop(Stop how, int timeout_s) {
  if (server_ == 0) return true;
  kill(server_, how == Stop::fast ? SIGINT : SIGQUIT);
  for (int attempt = 0; attempt < timeout_s * 100; ++attempt) {
    if (waitpid(server_, nullptr, WNOHANG) == server_) {
      server_ = 0;
      return true;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  kill(server_, SIGQUIT);  // its children go with it, which SIGKILL would not promise
  waitpid(server_, nullptr, 0);
  server_ = 0;
  return false;
}

TempPostgres::~TempPostgres() {
  stop(Stop::immediate);
  std::error_code ignored;
  std::filesystem::remove_all(directory_, ignored);
}

TempPostgres& TempPostgres::shared() {
  static TempPostgres server;
  return server;
}

std::string TempPostgres::conninfo(std::string_view database, std::string_view user) const {
  return "host=" + directory_ + " port=" + std::to_string(port_) + " dbname=" + std::string(database) + " user=" + std::string(user);
}

std::string TempPostgres::tcp_conninfo(std::string_view database, std::string_view user) const {
  return "host=127.0.0.1 port=" + std::to_string(port_) + " dbname=" + std::string(database) + " user=" + std::string(user);
}

ConnectionOptions TempPostgres::options(std::string_view database, std::string_view user) const {
  auto parsed = ConnectionOptions::parse(conninfo(database, user), "test");
  if (!parsed) give_up(parsed.error().message());
  return *std::move(parsed);
}

Connection TempPostgres::connect(std::string_view database) const {
  auto connection = Connection::open(options(database));
  if (!connection) give_up(connection.error().message());
  return *std::move(connection);
}

std::string TempPostgres::run(std::string_view sql, std::string_view database) const {
  Connection connection = connect(database);
  if (Status set = connection.exec("SET search_path = public"); !set) give_up(set.error().message());
  auto result = connection.query(sql);
  if (!result) give_up(result.error().message() + " in: " + std::string(sql));
  return result->rows() > 0 && result->columns() > 0 ? result->string(0, 0) : std::string{};
}

std::string TempPostgres::create_database() {
  std::string name = "test_" + std::to_string(++databases_);
  run("CREATE DATABASE " + name);
  return name;
}

void TempPostgres::drop_slot(const std::string& name) const {
  const std::string of_name = " FROM pg_replication_slots WHERE slot_name = '" + name + "'";
  for (int tenths = 0; tenths < 600 && run("SELECT active" + of_name) == "t"; ++tenths) std::this_thread::sleep_for(std::chrono::milliseconds(100));
  run("SELECT pg_drop_replication_slot(slot_name)" + of_name);
}

}  // namespace luge
