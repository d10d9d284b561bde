#pragma once
#include <vector>

#include "base/result.h"
#include "service/catalog/catalog_keyring.h"
#include "service/catalog/catalog_rows.h"

namespace luge {

/// The edits that encrypt everything again that is encrypted with another key than the current one. Errors: those of decrypt() and encrypt().
Result<std::vector<CatalogEdit>> rotate_secrets(const CatalogContents& contents, const CatalogKeyring& keyring);

}  // namespace luge
