#pragma once
#include "destination/snowflake/python/bridge_abi.h"
#include "destination/snowflake/python/python_object.h"

namespace luge {

/// Starts the main interpreter with the environment of `executable`, without signal handlers, and lets go of the GIL. Never finalised:
/// the SDK's own threads may call into Python until the process ends.
bool start_interpreter(const char* executable, PythonFailure* failure);

/// One of the Python modules that stand beside this file and are compiled in. Imported at the first call. Needs the GIL; null: an
/// exception is pending.
PyRef embedded_module(const char* name);

}  // namespace luge
