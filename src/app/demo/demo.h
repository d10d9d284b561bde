#pragma once
#include "app/config_file.h"
#include "base/result.h"

namespace luge {

/// `luge demo`: see the verb's help. Prints what it does while it does it; removes everything it made, also on Ctrl-C and failure.
Result<ExitCode> run_demo(const Environment& environment);

}  // namespace luge
