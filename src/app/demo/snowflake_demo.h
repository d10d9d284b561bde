#pragma once
#include <string>

#include "app/config_file.h"
#include "base/result.h"

namespace luge {

/// `luge demo --emulator PROGRAM`: the demo with a Snowflake emulator as the destination, once over REST and once through the SDK, each a
/// pipeline of its own. Prints what it does while it does it; removes everything it made, also on Ctrl-C and failure.
Result<ExitCode> run_snowflake_demo(const std::string& emulator_program, const Environment& environment);

}  // namespace luge
