#pragma once
#include "batch/chunk_builder.h"
#include "model/table_record.h"

namespace luge {

/// Why a table stops at a refused change, and what helps; never the value. `position`: of the change, or where a copy was read.
Quarantine quarantine_of(const TableName& table, const Misfit& misfit, const Position& position);

}  // namespace luge
