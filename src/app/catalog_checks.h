#pragma once
#include <span>
#include <string>

#include "base/result.h"
#include "service/catalog/catalog_rows.h"
#include "service/catalog/pipeline_catalog.h"

namespace luge {

/// Before a verb edits: check_edits() with the rules of the option table, and what can never work in a row that no pipeline uses yet (options
/// that do not exist, addresses of nothing). Errors: usage, with what is possible; those of check_edits().
Status check_catalog_edits(const CatalogContents& contents, std::span<const CatalogEdit> edits);

/// Starts (`desired` is "START") or pauses ("PAUSE") a pipeline. A start is checked against what the catalog holds at the moment it is written, so
/// that of two that come at once for one file only one succeeds; a pause is possible whatever is wrong with the row. Errors: those of
/// check_catalog_edits() and of PipelineCatalog::edit().
Status change_desired(PipelineCatalog& catalog, const std::string& pipeline, const std::string& desired);

}  // namespace luge
