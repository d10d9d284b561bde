#pragma once
#include "app/config_file.h"
#include "app/options.h"
#include "app/verb.h"
#include "base/result.h"

namespace luge {

// One function per verb: blocks until done; prints its answer to stdout. The error, if there is one, is printed by main.

Result<ExitCode> run_verb(const Options& options, const Environment& environment);
Result<ExitCode> plan_verb(const Options& options, const Environment& environment);
Result<ExitCode> doctor_verb(const Options& options, const Environment& environment);
Result<ExitCode> status_verb(const Options& options, const Environment& environment);
Result<ExitCode> top_verb(const Options& options, const Environment& environment);
Result<ExitCode> query_verb(const Options& options, const Environment& environment);
Result<ExitCode> verify_verb(const Options& options, const Environment& environment);
Result<ExitCode> resync_verb(const Options& options, const Environment& environment);
Result<ExitCode> pause_verb(const Options& options, const Environment& environment);
Result<ExitCode> resume_verb(const Options& options, const Environment& environment);
Result<ExitCode> drop_verb(const Options& options, const Environment& environment);
Result<ExitCode> snowflake_verb(const Options& options, const Environment& environment);
Result<ExitCode> serve_verb(const Options& options, const Environment& environment);
Result<ExitCode> source_verb(const Options& options, const Environment& environment);
Result<ExitCode> destination_verb(const Options& options, const Environment& environment);
Result<ExitCode> pipeline_verb(const Options& options, const Environment& environment);
Result<ExitCode> state_verb(const Options& options, const Environment& environment);
Result<ExitCode> apply_verb(const Options& options, const Environment& environment);
Result<ExitCode> secrets_verb(const Options& options, const Environment& environment);
Result<ExitCode> demo_verb(const Options& options, const Environment& environment);

}  // namespace luge
