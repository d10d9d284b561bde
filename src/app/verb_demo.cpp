#include "app/demo/demo.h"
#include "app/demo/snowflake_demo.h"
#include "app/verbs.h"

namespace luge {

Result<ExitCode> demo_verb(const Options& options, const Environment& environment) {
  return options.emulator.empty() ? run_demo(environment) : run_snowflake_demo(options.emulator, environment);
}

}  // namespace luge
