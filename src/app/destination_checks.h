#pragma once
#include <vector>

#include "app/check.h"
#include "app/pipeline_places.h"

namespace luge {

/// Whether luge could create or open the destination's file and its own directory beside it. Looks only; creates nothing.
/// Whether a file is luge's own mirror of this pipeline is asked when it is opened (error "foreign"), before anything else is made.
std::vector<Check> check_destination(const PipelinePlaces& places);

}  // namespace luge
