#include <cstdio>

#include "app/pipeline_places.h"
#include "app/preflight.h"
#include "app/preflight_report.h"
#include "app/reach.h"
#include "app/snowflake/snowflake_settings.h"
#include "app/verbs.h"

namespace luge {

namespace {

struct Examined {
  PipelinePlaces places;
  Preflight preflight;
};

Result<Examined> examine_for(const Options& options, const Environment& environment) {
  Examined examined;
  TRY(examined.places, find_places(options, environment));
  if (examined.places.destination.kind == DestinationName::Kind::snowflake) CHECK_OK(require_snowflake(options));
  TRY(const TableSelection selection, TableSelection::parse(options.tables));
  TRY(const ConnectionOptions source, find_source(options, load_state(options, examined.places)));
  examined.preflight = examine({options, examined.places, selection, source});
  return examined;
}

}  // namespace

Result<ExitCode> doctor_verb(const Options& options, const Environment& environment) {
  TRY(const Examined examined, examine_for(options, environment));
  if (options.json) {
    std::printf("%s\n", preflight_json(examined.preflight, examined.places).c_str());
  } else {
    std::fputs(checks_text(examined.preflight.checks, true).c_str(), stdout);
  }
  return examined.preflight.exit_code();
}

Result<ExitCode> plan_verb(const Options& options, const Environment& environment) {
  TRY(const Examined examined, examine_for(options, environment));
  if (options.json) {
    std::printf("%s\n", preflight_json(examined.preflight, examined.places).c_str());
    return examined.preflight.exit_code();
  }
  std::fputs(plan_text(examined.preflight, examined.places, options).c_str(), stdout);
  const std::string checks = checks_text(examined.preflight.checks, false);
  if (!checks.empty()) std::printf("\n%s", checks.c_str());
  return examined.preflight.exit_code();
}

}  // namespace luge
