#include "destination/snowflake/python/python_failure.h"

#include <cstdio>
#include <cstring>

#include "destination/snowflake/python/interpreter.h"
#include "destination/snowflake/python/python_object.h"

namespace luge {

namespace {

struct KindName {
  const char* name;
  PythonFailureKind kind;
};
constexpr KindName kKinds[] = {
    {"sdk", PythonFailureKind::sdk},           {"timeout", PythonFailureKind::timeout}, {"network", PythonFailureKind::network},
    {"not_open", PythonFailureKind::not_open}, {"stale", PythonFailureKind::stale},     {"refused", PythonFailureKind::refused},
};

PythonFailureKind kind_of(const char* name) {
  for (const KindName& entry : kKinds) {
    if (std::strcmp(entry.name, name) == 0) return entry.kind;
  }
  return PythonFailureKind::exception;
}

}  // namespace

bool fail_with(PythonFailure* failure, PythonFailureKind kind, const char* code, const char* detail) {
  failure->kind = kind;
  failure->http_status = 0;
  std::snprintf(failure->code, sizeof failure->code, "%s", code);
  std::snprintf(failure->detail, sizeof failure->detail, "%s", detail);
  return false;
}

bool take_failure(PythonFailure* failure) {
  PyObject* type = nullptr;
  PyObject* value = nullptr;
  PyObject* trace = nullptr;
  PyErr_Fetch(&type, &value, &trace);
  PyErr_NormalizeException(&type, &value, &trace);
  const PyRef type_owner(type), error(value), trace_owner(trace);
  if (!error) return fail_with(failure, PythonFailureKind::exception, "SystemError", "");
  if (trace_owner) PyException_SetTraceback(error.get(), trace_owner.get());
  const PyRef module(PyImport_ImportModule("_luge_failure"));
  const PyRef told(module ? PyObject_CallMethod(module.get(), "describe", "O", error.get()) : nullptr);
  const char* kind = nullptr;
  const char* code = nullptr;
  const char* detail = nullptr;
  int http_status = 0;
  if (!told || PyArg_ParseTuple(told.get(), "siss", &kind, &http_status, &code, &detail) == 0) {
    PyErr_Clear();
    return fail_with(failure, PythonFailureKind::exception, Py_TYPE(error.get())->tp_name, "");
  }
  fail_with(failure, kind_of(kind), code, detail);
  failure->http_status = http_status;
  return false;
}

}  // namespace luge
