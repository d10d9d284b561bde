#pragma once
#include <string>

#include "model/value_type.h"

namespace luge {

/// The column type that holds every value of `type` that NdjsonEncoder writes (reference page: types).
/// decimal with scale 38 is VARCHAR: NUMBER ends at scale 37. time_tz and interval are VARCHAR in PostgreSQL's own text.
std::string snowflake_type(const ValueType& type);

}  // namespace luge
