#include "destination/snowflake/python/transform_function.h"

#include "destination/snowflake/python/gil.h"
#include "destination/snowflake/python/interpreter.h"
#include "destination/snowflake/python/python_failure.h"
#include "destination/snowflake/python/python_object.h"

namespace luge {

struct PythonTransformFunction {
  PyRef transform;  ///< transform.Transform
};

PythonTransformFunction* load_transform(PythonText name, PythonFailure* failure) {
  const Gil gil;
  const PyRef module = embedded_module("_luge_transform");
  PyRef transform(module ? PyObject_CallMethod(module.get(), "Transform", "s#", name.data, static_cast<Py_ssize_t>(name.size)) : nullptr);
  if (transform) return new PythonTransformFunction{std::move(transform)};
  take_failure(failure);
  return nullptr;
}

void unload_transform(PythonTransformFunction* function) {
  const Gil gil;
  delete function;
}

bool run_transform(PythonTransformFunction* function, ArrowSchema* schema, ArrowArray* array, ArrowSchema* out_schema, ArrowArray* out_array,
                   PythonFailure* failure) {
  const Gil gil;
  out_schema->release = nullptr;
  out_array->release = nullptr;
  const PyRef done(PyObject_CallMethod(function->transform.get(), "run", "KKKK", reinterpret_cast<unsigned long long>(array),
                                       reinterpret_cast<unsigned long long>(schema), reinterpret_cast<unsigned long long>(out_array),
                                       reinterpret_cast<unsigned long long>(out_schema)));
  const bool good = done || take_failure(failure);
  if (array->release != nullptr) array->release(array);  // PyArrow had not come to it
  if (schema->release != nullptr) schema->release(schema);
  return good;
}

}  // namespace luge
