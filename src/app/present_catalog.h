#pragma once
#include <string>

#include "app/serve/catalog_place.h"

namespace luge {

/// Whether the catalog that the options name is there; makes nothing. Errors: usage, "not_a_catalog", those of the database.
Result<bool> is_catalog_there(const Options& options, const Environment& environment);

/// For messages: the file, or the database without its password.
Result<std::string> catalog_name(const Options& options, const Environment& environment);

/// For verbs that read, or change what is there already: unlike open_catalog() they make no catalog where there is none, say at a mistyped path.
/// Errors: "no_catalog", those of open_catalog().
Result<OpenedCatalog> open_present_catalog(const Options& options, const Environment& environment);

}  // namespace luge
