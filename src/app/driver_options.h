#pragma once
#include "app/options.h"
#include "app/pipeline_places.h"
#include "app/table_selection.h"
#include "pipeline/driver.h"
#include "postgres/connection_options.h"

namespace luge {

/// The options of the option table as the driver takes them.
DriverOptions make_driver_options(const Options& options, const PipelinePlaces& places, const TableSelection& selection, ConnectionOptions source);

}  // namespace luge
