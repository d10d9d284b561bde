#pragma once
#include "destination/snowflake/python/python_object.h"

namespace luge {

/// Holds the GIL, on any thread.
class Gil {
 public:
  Gil();
  ~Gil() { PyGILState_Release(state_); }
  Gil(const Gil&) = delete;
  Gil& operator=(const Gil&) = delete;

 private:
  PyGILState_STATE state_;
};

}  // namespace luge
