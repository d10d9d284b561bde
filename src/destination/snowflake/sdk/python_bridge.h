#pragma once
#include <string>

#include "base/result.h"
#include "destination/snowflake/python/bridge_abi.h"

namespace luge {

/// libluge_python.so in this process, with its interpreter running.
class PythonBridge {
 public:
  struct Options {
    std::string python;   ///< SnowflakeOptions::python
    std::string ca_file;  ///< additional trust for the SDK
    bool needs_sdk = true;
    bool needs_pyarrow = false;
  };

  /// Finds the interpreter, loads the bridge from beside this executable (or ../lib/luge, once installed) and starts Python. Once per
  /// process; later calls get the same one, and must want the same interpreter and trust. Thread-safe.
  /// It sets environment variables that the SDK reads at its import (SSL_CERT_FILE, SS_LOG_TARGET …): call it before threads that read them.
  /// Error codes: those of find_python and check_python, "python_library" (bridge or libpython cannot be loaded), "python_start",
  /// "python_in_use" (another interpreter runs already).
  static Result<const PythonApi*> start(const Options& options);
};

}  // namespace luge
