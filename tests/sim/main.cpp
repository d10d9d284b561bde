#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <filesystem>
#include <signal.h>
#include <string>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "sim/world.h"

// luge_sim --seeds N [--from S] [--seconds T]    runs N seeds (or for T seconds), prints what was reached; exit 1 at the first failure
// luge_sim --seed S [--trace]                    replays one

namespace {

using namespace luge;  // NOLINT: a main file

constexpr std::uint64_t kSeedsThatReachEverything = 1000;

std::uint64_t running_seed = 0;
const char* program = "luge_sim";

// ENSURE aborts: say at least which seed it was. Only what is safe in a signal handler.
void on_abort(int) {
  char line[256];
  const int length = std::snprintf(line, sizeof(line), "seed %llu: ENSURE\n  replay: %s --seed %llu --trace\n",
                                   static_cast<unsigned long long>(running_seed), program, static_cast<unsigned long long>(running_seed));
  (void)!write(STDOUT_FILENO, line, static_cast<std::size_t>(length));
  _exit(1);
}

struct Options {
  std::uint64_t seeds = 1000;
  std::uint64_t from = 1;
  double seconds = 0;
  bool one = false;
  bool trace = false;
};

bool parse(int argc, char** argv, Options& options) {
  for (int i = 1; i < argc; ++i) {
    const std::string name = argv[i];
    if (name == "--trace") {
      options.trace = true;
      continue;
    }
    if (i + 1 >= argc) return false;
    const char* value = argv[++i];
    if (name == "--seeds") {
      options.seeds = std::strtoull(value, nullptr, 10);
    } else if (name == "--from") {
      options.from = std::strtoull(value, nullptr, 10);
    } else if (name == "--seconds") {
      options.seconds = std::strtod(value, nullptr);
      options.seeds = UINT64_MAX / 2;
    } else if (name == "--seed") {
      options.from = std::strtoull(value, nullptr, 10);
      options.seeds = 1;
      options.one = true;
    } else {
      return false;
    }
  }
  return true;
}

double elapsed(std::chrono::steady_clock::time_point since) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - since).count();
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  program = argv[0];
  if (!parse(argc, argv, options)) {
    std::fprintf(stderr, "usage: luge_sim [--seeds N] [--from S] [--seconds T] | --seed S [--trace]\n");
    return 2;
  }
  signal(SIGABRT, on_abort);
  configure_log(LogFormat::text, LogLevel::error);
  // The core's log lines of a million troubles.
  if (!options.one && std::freopen("/dev/null", "w", stderr) == nullptr) return 2;
  std::string spool = "/dev/shm/luge_sim_XXXXXX";
  if (access("/dev/shm", W_OK) != 0) spool = (std::filesystem::temp_directory_path() / "luge_sim_XXXXXX").string();
  if (mkdtemp(spool.data()) == nullptr) return 2;

  Marks marks;
  const auto start = std::chrono::steady_clock::now();
  std::uint64_t done = 0;
  std::uint64_t transactions = 0;
  std::uint64_t faults = 0;
  int exit_code = 0;
  for (std::uint64_t seed = options.from; seed - options.from < options.seeds; ++seed) {
    if (options.seconds > 0 && elapsed(start) > options.seconds) break;
    running_seed = seed;
    World world(seed, options.trace, marks, spool);
    const auto failure = world.run();
    ++done;
    transactions += world.transactions();
    faults += world.faults();
    if (failure) {
      std::printf("seed %llu: %s\n  %s\n  replay: %s --seed %llu --trace\n", static_cast<unsigned long long>(seed), failure->invariant.c_str(),
                  failure->what.c_str(), program, static_cast<unsigned long long>(seed));
      exit_code = 1;
      break;
    }
  }
  std::filesystem::remove_all(spool);
  const double processor = static_cast<double>(std::clock()) / CLOCKS_PER_SEC;
  std::printf("%llu seeds in %.1f s, %.0f a minute of one core's time; %.0f transactions and %.1f faults that took effect each\n",
              static_cast<unsigned long long>(done), elapsed(start), static_cast<double>(done) / processor * 60,
              static_cast<double>(transactions) / static_cast<double>(done), static_cast<double>(faults) / static_cast<double>(done));
  if (options.one || exit_code != 0) return exit_code;
  const bool all_reached = marks.print();
  if (!all_reached && done >= kSeedsThatReachEverything) {
    std::printf("some marks were never reached\n");
    return 1;
  }
  return 0;
}
