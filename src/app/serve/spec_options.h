#pragma once
#include "app/options.h"
#include "base/result.h"
#include "service/catalog/pipeline_spec.h"

namespace luge {

/// What `luge run` would be asked for, to do what a pipeline's rows say. Values are taken as they stand, so secrets must be resolved before.
/// Errors: usage, "bad_publication"; none repeats a secret.
Result<Options> options_of(const PipelineSpec& spec);

/// The part of SpecRules that knows the option table: whether options_of() will succeed once the secrets are resolved. Reads no file and no
/// variable.
Status check_spec(const PipelineSpec& spec);

}  // namespace luge
