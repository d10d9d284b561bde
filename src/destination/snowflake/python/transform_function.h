#pragma once
#include "destination/snowflake/python/bridge_abi.h"

namespace luge {

// The part of PythonApi (bridge_abi.h) that transform.py does.

PythonTransformFunction* load_transform(PythonText name, PythonFailure* failure);
void unload_transform(PythonTransformFunction* function);
bool run_transform(PythonTransformFunction* function, ArrowSchema* schema, ArrowArray* array, ArrowSchema* out_schema, ArrowArray* out_array,
                   PythonFailure* failure);

}  // namespace luge
