#pragma once
#include <memory>
#include <string>

#include "base/result.h"
#include "destination/snowflake/python/bridge_abi.h"
#include "model/table_chunk.h"

namespace luge {

/// A user's function `module:function` between luge's Arrow data and its encoding (snowflake: transform:). It gets a pyarrow.RecordBatch that
/// uses the chunk's own buffers, and returns one of the same columns, types and number of rows; ops, ordinals, runs and presence stay as they
/// were, so an absent value stays absent whatever it returns there. Calls hold the GIL: all tables take turns.
/// One thread at a time.
class PythonTransform {
 public:
  /// Starts the Python bridge if need be and imports the function: from the working directory, PYTHONPATH, the environment.
  /// Error codes: PythonBridge::start's, "transform" (no such function), "transform_exception" (the import fails).
  static Result<std::unique_ptr<PythonTransform>> load(const std::string& name, const std::string& python, const std::string& ca_file);
  ~PythonTransform();
  PythonTransform(const PythonTransform&) = delete;
  PythonTransform& operator=(const PythonTransform&) = delete;

  /// Error codes: "transform" (its result has another shape), "transform_exception": names function, exception type and line, no value.
  Result<TableChunk> apply(TableChunk chunk);

 private:
  PythonTransform(const PythonApi* api, PythonTransformFunction* function, std::string name)
      : api_(api), function_(function), name_(std::move(name)) {}

  const PythonApi* api_;
  PythonTransformFunction* function_;
  std::string name_;
};

}  // namespace luge
