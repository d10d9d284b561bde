#pragma once
#include <string>

#include "app/options.h"
#include "app/pipeline_places.h"
#include "app/preflight.h"

namespace luge {

/// The checks, worst last; `all` also shows those that are good.
std::string checks_text(const std::vector<Check>& checks, bool all);
/// What would be created and copied.
std::string plan_text(const Preflight& preflight, const PipelinePlaces& places, const Options& options);
/// {ready, exit_code, source, server_version, slot, publication, state, destination, checks: [{check, level, what, fix, tables}],
///  tables: [{schema, name, key, estimated_rows, bytes, notes}]} (docs/reference/plan.md)
std::string preflight_json(const Preflight& preflight, const PipelinePlaces& places);

/// The worst checks as one error for `run`.
Error error_of(const Preflight& preflight);
/// The worst check as one sentence with its fix, for whoever shows errors in rows. It heals by time if all that stops does.
Error short_error_of(const Preflight& preflight);

}  // namespace luge
