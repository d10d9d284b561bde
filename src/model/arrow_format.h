#pragma once
#include <string>

#include "model/value_type.h"

namespace luge {

/// The format string of the Arrow C Data Interface: "l", "d:18,2", "tsu:UTC". Types of children stand in the children.
std::string arrow_format(const ValueType& type);

}  // namespace luge
