#pragma once
#include <string>

#include "base/error.h"
#include "service/catalog/catalog_rows.h"

namespace luge {

// What every PipelineCatalog answers to an edit that cannot be made.

Error catalog_changed();
Error unknown_row(RowKind kind, const std::string& name);
Error in_use(const RemoveRow& removed, const std::string& pipeline);

}  // namespace luge
