#pragma once
#include <cstdint>

#include "model/column_options.h"
#include "model/pg_type.h"
#include "model/value_type.h"

namespace luge {

/// What a PostgreSQL column becomes (docs/reference types table): pure, total; everything unknown becomes text.
ValueType map_type(const PgType& type, std::int32_t typmod, const ColumnOptions& options);

}  // namespace luge
