#pragma once
#include <optional>
#include <string>

#include "app/options.h"
#include "app/pipeline_places.h"
#include "app/table_selection.h"
#include "pipeline/driver.h"
#include "postgres/connection_options.h"

namespace luge {

/// The options of the option table as the driver takes them. No selection: what the destination follows, and nothing else.
DriverOptions make_driver_options(const Options& options, const PipelinePlaces& places, const std::optional<TableSelection>& selection,
                                  ConnectionOptions source);

/// What of the options decides which tables come and how their values read.
std::string options_fingerprint(const Options& options);

}  // namespace luge
