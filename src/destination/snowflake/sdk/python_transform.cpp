#include "destination/snowflake/sdk/python_transform.h"

#include <utility>

#include "destination/snowflake/sdk/python_bridge.h"
#include "model/arrow_export.h"

namespace luge {

namespace {

Error transform_error(const PythonFailure& failure, const std::string& name, const std::string& where) {
  const std::string text = "the transform " + name + where;
  if (failure.kind == PythonFailureKind::refused) {
    return fatal("transform", text + ": " + failure.detail, "mend the function, or take snowflake: transform out of the configuration");
  }
  const std::string place = failure.detail[0] == '\0' ? std::string() : std::string(" at ") + failure.detail;
  return fatal("transform_exception", text + " raised " + failure.code + place,
               "mend the function, or take snowflake: transform out of the configuration");
}

}  // namespace

Result<std::unique_ptr<PythonTransform>> PythonTransform::load(const std::string& name, const std::string& python, const std::string& ca_file) {
  TRY(const PythonApi* api, PythonBridge::start({.python = python, .ca_file = ca_file, .needs_sdk = false, .needs_pyarrow = true}));
  PythonFailure failure{};
  PythonTransformFunction* const function = api->load_transform({name.data(), name.size()}, &failure);
  if (function == nullptr) return transform_error(failure, name, " cannot be loaded");
  return std::unique_ptr<PythonTransform>(new PythonTransform(api, function, name));
}

PythonTransform::~PythonTransform() { api_->unload_transform(function_); }

Result<TableChunk> PythonTransform::apply(TableChunk chunk) {
  const TableSchemaPtr schema = chunk.schema;
  const std::uint32_t rows = chunk.rows;
  TableChunk rest;  // what the function does not see
  rest.ops = std::move(chunk.ops);
  rest.ordinals = std::move(chunk.ordinals);
  rest.runs = std::move(chunk.runs);
  rest.present = std::move(chunk.present);
  const std::string where = " of table " + to_string(schema->name);

  ArrowSchema arrow_schema, returned_schema;
  ArrowArray arrow_array, returned_array;
  export_chunk(std::move(chunk), &arrow_schema, &arrow_array);
  PythonFailure failure{};
  if (!api_->run_transform(function_, &arrow_schema, &arrow_array, &returned_schema, &returned_array, &failure)) {
    return transform_error(failure, name_, where);
  }
  TRY(TableChunk result, import_chunk(schema, &returned_schema, &returned_array));
  ENSURE(result.rows == rows, "the bridge let a transform change the number of rows");
  result.ops = std::move(rest.ops);
  result.ordinals = std::move(rest.ordinals);
  result.runs = std::move(rest.runs);
  result.present = std::move(rest.present);
  return result;
}

}  // namespace luge
