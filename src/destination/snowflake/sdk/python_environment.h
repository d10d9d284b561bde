#pragma once
#include <string>

#include "base/result.h"

namespace luge {

/// The interpreter that transport sdk and transforms run in, and what is installed for it.
struct PythonEnvironment {
  std::string executable;  ///< sys.executable: of the environment, with its full path
  std::string version;     ///< "3.11.2"
  std::string sdk;         ///< version of snowpipe-streaming; empty: not installed
  std::string pyarrow;     ///< the same of PyArrow
};

/// Asks the interpreter itself, in a process of its own. Which one: `option` (snowflake: python:), else $LUGE_PYTHON, else `python3` of
/// PATH, which is that of an activated environment. Error codes: "python_missing", "python_broken".
Result<PythonEnvironment> find_python(const std::string& option);

/// Whether a bridge that is linked with Python `linked` ("3.11.2") can work in it, and what is missing there. Error codes:
/// "python_mismatch" (an environment works only in the libpython it was made by), "sdk_missing", "sdk_too_old", "pyarrow_missing".
Status check_python(const PythonEnvironment& environment, const std::string& linked, bool needs_sdk, bool needs_pyarrow);

/// How to make an environment for this version of Python ("3.11"; empty: any), or to do without.
std::string python_advice(const std::string& version);

}  // namespace luge
