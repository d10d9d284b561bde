#include <cstdio>
#include <cstring>

#include "destination/snowflake/python/bridge_abi.h"
#include "destination/snowflake/python/ingest_session.h"
#include "destination/snowflake/python/interpreter.h"
#include "destination/snowflake/python/transform_function.h"

namespace luge {

namespace {

/// "3.11.2 (main, …) [GCC …]" up to the first space.
void python_version(char* out, std::size_t size) {
  const char* const version = Py_GetVersion();
  std::snprintf(out, size, "%.*s", static_cast<int>(std::strcspn(version, " ")), version);
}

constexpr PythonApi kApi{
    .abi = kPythonBridgeAbi,
    .version = python_version,
    .start = start_interpreter,
    .open_session = open_session,
    .close_session = close_session,
    .open_channel = open_channel,
    .append = append_lines,
    .statuses = channel_statuses,
    .drop_channel = drop_channel,
    .flush = flush_session,
    .load_transform = load_transform,
    .unload_transform = unload_transform,
    .run_transform = run_transform,
};

}  // namespace

}  // namespace luge

extern "C" __attribute__((visibility("default"))) const luge::PythonApi* luge_python_api() { return &luge::kApi; }
