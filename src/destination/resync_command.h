#pragma once
#include <string>

#include "model/table_schema.h"

namespace luge {

/// "luge resync public.orders": the way out of most quarantines.
inline std::string resync_command(const TableName& name) { return "luge resync " + to_string(name); }

}  // namespace luge
