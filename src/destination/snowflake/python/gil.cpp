#include "destination/snowflake/python/gil.h"

namespace luge {

namespace {

/// What Python knows of a thread that it did not start. Without this the outermost Gil makes and unmakes it, with its stack of 16 KiB mapped and
/// unmapped: a twentieth of all that sending rows through the SDK costs.
class KeptThreadState {
 public:
  KeptThreadState() {
    if (PyGILState_GetThisThreadState() != nullptr) return;  // the thread that started Python has one for ever
    PyGILState_Ensure();
    kept_ = PyEval_SaveThread();
  }
  ~KeptThreadState() {
    if (kept_ == nullptr) return;
    PyEval_RestoreThread(kept_);
    PyGILState_Release(PyGILState_UNLOCKED);
  }
  KeptThreadState(const KeptThreadState&) = delete;
  KeptThreadState& operator=(const KeptThreadState&) = delete;

 private:
  PyThreadState* kept_ = nullptr;
};

PyGILState_STATE take() {
  static thread_local const KeptThreadState kept;
  (void)kept;
  return PyGILState_Ensure();
}

}  // namespace

Gil::Gil() : state_(take()) {}

}  // namespace luge
