#include "destination/snowflake/sdk/python_environment.h"

#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <nlohmann/json.hpp>
#include <optional>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

extern char** environ;

namespace luge {

namespace {

constexpr int kAnswerWithin_ms = 20'000;

constexpr const char* kQuestion = R"(
import importlib.metadata, json, platform, sys
def version(name):
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return ""
print(json.dumps({"executable": sys.executable, "version": platform.python_version(), "kind": platform.python_implementation(),
                  "sdk": version("snowpipe-streaming"), "pyarrow": version("pyarrow")}))
)";

/// Reads until the child closes its end; false: time is up.
bool read_answer(int from, std::string& answer) {
  std::array<char, 4096> piece{};
  for (;;) {
    pollfd waiting{from, POLLIN, 0};
    const int ready = ::poll(&waiting, 1, kAnswerWithin_ms);
    if (ready < 0 && errno == EINTR) continue;
    if (ready <= 0) return false;
    const ssize_t got = ::read(from, piece.data(), piece.size());
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return true;
    answer.append(piece.data(), static_cast<std::size_t>(got));
  }
}

/// Standard output of `executable -c kQuestion`; nullopt with errno: it could not be started.
std::optional<std::string> ask(const std::string& executable) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return std::nullopt;
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, ends[1], 1);
  posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
  std::string name = executable, option = "-c", question = kQuestion;
  char* arguments[] = {name.data(), option.data(), question.data(), nullptr};
  pid_t child = 0;
  const int failed = ::posix_spawnp(&child, executable.c_str(), &actions, nullptr, arguments, environ);
  posix_spawn_file_actions_destroy(&actions);
  ::close(ends[1]);
  std::string answer;
  if (failed == 0) {
    if (!read_answer(ends[0], answer)) ::kill(child, SIGKILL);
    while (::waitpid(child, nullptr, 0) < 0 && errno == EINTR) {
    }
  }
  ::close(ends[0]);
  errno = failed;
  return failed == 0 ? std::optional(std::move(answer)) : std::nullopt;
}

/// "1.10.2" as numbers; what is not a number counts as 0.
std::array<int, 3> numbers_of(const std::string& version) {
  std::array<int, 3> parts{};
  std::sscanf(version.c_str(), "%d.%d.%d", &parts[0], &parts[1], &parts[2]);
  return parts;
}

std::string minor_of(const std::string& version) {
  const auto parts = numbers_of(version);
  return std::to_string(parts[0]) + "." + std::to_string(parts[1]);
}

}  // namespace

std::string python_advice(const std::string& version) {
  return "make an environment: python" + (version.empty() ? "3" : version) +
         " -m venv ~/luge-python && ~/luge-python/bin/pip install snowpipe-streaming==1.9.1 pyarrow; then set snowflake: python: "
         "~/luge-python/bin/python; or set snowflake: transport: rest, which needs no Python";
}

Result<PythonEnvironment> find_python(const std::string& option) {
  std::string executable = option, named = "snowflake: python:";
  if (executable.empty()) {
    const char* given = std::getenv("LUGE_PYTHON");
    named = "LUGE_PYTHON";
    if (given == nullptr || *given == '\0') {
      given = "python3";
      named = "PATH";
    }
    executable = given;
  }
  if (executable.starts_with("~/")) {
    if (const char* home = std::getenv("HOME"); home != nullptr) executable.replace(0, 1, home);
  }
  const auto answer = ask(executable);
  if (!answer) {
    return fatal("python_missing",
                 "transport sdk needs Python, and " + executable + " (from " + named + ") cannot be started: " + std::strerror(errno),
                 python_advice({}));
  }
  const auto told = nlohmann::json::parse(*answer, nullptr, false);
  if (!told.is_object() || told.value("kind", "") != "CPython") {
    return fatal("python_broken", executable + " (from " + named + ") did not answer as CPython 3.9 or newer does", python_advice({}));
  }
  return PythonEnvironment{told.value("executable", ""), told.value("version", ""), told.value("sdk", ""), told.value("pyarrow", "")};
}

Status check_python(const PythonEnvironment& environment, const std::string& linked, bool needs_sdk, bool needs_pyarrow) {
  if (environment.version != linked) {
    return fatal("python_mismatch",
                 environment.executable + " is Python " + environment.version + ", and luge's Python bridge is linked with Python " + linked +
                     ": an environment works only with the Python that it was made by",
                 python_advice(minor_of(linked)));
  }
  if (needs_sdk && environment.sdk.empty()) {
    return fatal("sdk_missing", environment.executable + " does not have the package snowpipe-streaming", python_advice(minor_of(linked)));
  }
  // 1.7 is the first that trusts the certificates of SSL_CERT_FILE and of the system.
  if (needs_sdk && numbers_of(environment.sdk) < std::array<int, 3>{1, 7, 0}) {
    return fatal("sdk_too_old",
                 environment.executable + " has snowpipe-streaming " + environment.sdk + "; luge needs 1.7 or newer, and is tested with 1.9.1",
                 python_advice(minor_of(linked)));
  }
  if (needs_pyarrow && environment.pyarrow.empty()) {
    return fatal("pyarrow_missing", environment.executable + " does not have the package pyarrow, which a transform needs",
                 python_advice(minor_of(linked)));
  }
  return ok();
}

}  // namespace luge
