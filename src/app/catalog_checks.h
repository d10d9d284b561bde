#pragma once
#include <span>

#include "base/result.h"
#include "service/catalog/catalog_rows.h"

namespace luge {

/// Before a verb edits: check_edits() with the rules of the option table, and what can never work in a row that no pipeline uses yet (options
/// that do not exist, addresses of nothing). Errors: usage, with what is possible; those of check_edits().
Status check_catalog_edits(const CatalogContents& contents, std::span<const CatalogEdit> edits);

}  // namespace luge
