#include "destination/snowflake/sdk/python_bridge.h"

#include <cstdlib>
#include <dlfcn.h>
#include <filesystem>
#include <mutex>

#include "base/log.h"
#include "destination/snowflake/sdk/python_environment.h"

namespace luge {

namespace {

namespace fs = std::filesystem;

constexpr const char* kLibrary = "libluge_python.so";

struct Running {
  const PythonApi* api = nullptr;
  std::string asked;  ///< the option that led to the environment: asking it again would start Python once for each actor
  PythonEnvironment environment;
  std::string ca_file;
};

/// Beside the executable (build directory), one above it (its tests), or where `cmake --install` puts it.
fs::path find_library() {
  std::error_code failed;
  const fs::path directory = fs::read_symlink("/proc/self/exe", failed).parent_path();
  for (const fs::path& candidate : {directory / kLibrary, directory.parent_path() / kLibrary, directory.parent_path() / "lib" / "luge" / kLibrary}) {
    if (fs::exists(candidate, failed)) return candidate;
  }
  return {};
}

Result<const PythonApi*> load() {
  const fs::path path = find_library();
  if (path.empty()) {
    return fatal("python_library", std::string("this luge was built without its Python bridge: ") + kLibrary + " is not beside it",
                 "set snowflake: transport: rest, which needs no Python; or install luge with it (cmake -DLUGE_PYTHON_BRIDGE=ON)");
  }
  // RTLD_GLOBAL: Python's extension modules look for libpython's symbols there. The bridge itself shows one symbol.
  void* const library = ::dlopen(path.c_str(), RTLD_NOW | RTLD_GLOBAL);
  const auto entry = library == nullptr ? nullptr : reinterpret_cast<PythonApiFunction>(::dlsym(library, kPythonApiSymbol));
  if (entry == nullptr) {
    const char* const why = ::dlerror();
    return fatal("python_library", "luge's Python bridge cannot be loaded: " + std::string(why == nullptr ? path.string() : why),
                 "install the libpython that it names (Debian 12: apt-get install libpython3.11), or set snowflake: transport: rest");
  }
  const PythonApi* const api = entry();
  if (api->abi != kPythonBridgeAbi) {
    return fatal("python_library", path.string() + " belongs to another version of luge", "install luge and its Python bridge together");
  }
  return api;
}

/// What the SDK reads from the environment when it is imported.
void prepare_environment(const std::string& ca_file) {
  ::setenv("SS_LOG_TARGET", "stderr", 1);  // its default is standard output, which belongs to luge's documents
  ::setenv("SS_LOG_LEVEL", "error", 0);    // the least it has: "off" means "warn" to it
  ::setenv("SS_ENABLE_METRICS", "false", 0);
  if (ca_file.empty()) return;
  ::setenv("SSL_CERT_FILE", ca_file.c_str(), 1);
  ::setenv("SSL_CERT_DIR", "/etc/ssl/certs", 0);  // added to the file; without it the file would be all that is trusted
}

Result<Running> begin(const PythonBridge::Options& options) {
  TRY(PythonEnvironment environment, find_python(options.python));
  TRY(const PythonApi* api, load());
  char linked[32] = {};
  api->version(linked, sizeof linked);
  CHECK_OK(check_python(environment, linked, options.needs_sdk, options.needs_pyarrow));
  prepare_environment(options.ca_file);
  PythonFailure failure{};
  if (!api->start(environment.executable.c_str(), &failure)) {
    return fatal("python_start", "Python " + environment.version + " of " + environment.executable + " does not start: " + failure.detail,
                 python_advice({}));
  }
  log_event(LogLevel::info, "python_started", "the Python bridge runs",
            {{"python", environment.version},
             {"executable", environment.executable},
             {"snowpipe_streaming", environment.sdk},
             {"pyarrow", environment.pyarrow}});
  return Running{api, options.python, std::move(environment), options.ca_file};
}

}  // namespace

Result<const PythonApi*> PythonBridge::start(const Options& options) {
  static std::mutex mutex;
  static Running* running = nullptr;  // never freed: Python's threads outlive main
  const std::lock_guard lock(mutex);
  if (running == nullptr) {
    TRY(Running begun, begin(options));
    running = new Running(std::move(begun));
    return running->api;
  }
  if ((!options.python.empty() && options.python != running->asked) || running->ca_file != options.ca_file) {
    TRY(const PythonEnvironment wanted, find_python(options.python));
    if (wanted.executable != running->environment.executable || running->ca_file != options.ca_file) {
      return fatal("python_in_use",
                   "this process runs Python of " + running->environment.executable + " already, with ca_file '" + running->ca_file + "'",
                   "give all Snowflake destinations of one process the same python and ca_file, or run them as processes of their own");
    }
  }
  char linked[32] = {};
  running->api->version(linked, sizeof linked);
  CHECK_OK(check_python(running->environment, linked, options.needs_sdk, options.needs_pyarrow));
  return running->api;
}

}  // namespace luge
