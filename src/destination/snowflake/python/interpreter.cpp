#include "destination/snowflake/python/interpreter.h"

#include <cstring>

#include "destination/snowflake/python/python_failure.h"
#include "luge_python_sources.h"

namespace luge {

namespace {

bool set_text(PyConfig* config, wchar_t** field, const char* text, PythonFailure* failure) {
  const PyStatus status = PyConfig_SetBytesString(config, field, text);
  if (PyStatus_Exception(status) == 0) return true;
  return fail_with(failure, PythonFailureKind::exception, "start", status.err_msg == nullptr ? "" : status.err_msg);
}

/// Standard output belongs to luge's documents.
bool turn_output_away(PythonFailure* failure) {
  PyObject* const error_stream = PySys_GetObject("stderr");  // borrowed
  if (error_stream != nullptr && PySys_SetObject("stdout", error_stream) == 0) return true;
  return take_failure(failure);
}

}  // namespace

bool start_interpreter(const char* executable, PythonFailure* failure) {
  if (Py_IsInitialized() != 0) return fail_with(failure, PythonFailureKind::exception, "start", "Python runs in this process already");
  PyConfig config;
  PyConfig_InitPythonConfig(&config);
  config.parse_argv = 0;
  config.install_signal_handlers = 0;
  config.configure_c_stdio = 0;
  config.pathconfig_warnings = 0;
  config.safe_path = 1;  // nothing of the working directory is imported but what a transform asks for
  config.use_environment = 1;
  bool good = set_text(&config, &config.executable, executable, failure);
  if (good) {
    const PyStatus status = Py_InitializeFromConfig(&config);
    if (PyStatus_Exception(status) != 0)
      good = fail_with(failure, PythonFailureKind::exception, "start", status.err_msg == nullptr ? "" : status.err_msg);
  }
  PyConfig_Clear(&config);
  if (!good) return false;
  good = turn_output_away(failure);
  if (good && !embedded_module("_luge_failure")) good = take_failure(failure);
  PyEval_SaveThread();
  return good;
}

PyRef embedded_module(const char* name) {
  PyObject* const loaded = PyDict_GetItemString(PyImport_GetModuleDict(), name);  // borrowed
  if (loaded != nullptr) {
    Py_INCREF(loaded);
    return PyRef(loaded);
  }
  for (const PythonSource& source : kPythonSources) {
    if (std::strcmp(source.name, name) != 0) continue;
    const PyRef code(Py_CompileString(source.text, source.file, Py_file_input));
    return PyRef(code ? PyImport_ExecCodeModule(name, code.get()) : nullptr);
  }
  PyErr_SetString(PyExc_ImportError, name);
  return {};
}

}  // namespace luge
