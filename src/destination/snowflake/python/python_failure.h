#pragma once
#include "destination/snowflake/python/bridge_abi.h"

namespace luge {

/// Turns the pending Python exception into `failure` and clears it; returns false, so that `return take_failure(failure);` ends a call.
bool take_failure(PythonFailure* failure);
/// Of luge's own making.
bool fail_with(PythonFailure* failure, PythonFailureKind kind, const char* code, const char* detail);

}  // namespace luge
