#pragma once
#include <cstddef>
#include <vector>

#include "base/result.h"
#include "service/catalog/catalog_keyring.h"
#include "service/catalog/catalog_rows.h"

namespace luge {

/// The rows as they are with the current key.
struct SecretRotation {
  std::vector<CatalogEdit> edits;  ///< of the rows that change
  std::size_t secrets = 0;         ///< encrypted again
};

/// Encrypts everything again that is encrypted with another key than the current one; afterwards no other key is needed. Errors, which say in
/// which row it was: those of decrypt() and encrypt(), "unreadable_secret" (another key's stands in options or a conninfo that cannot be taken
/// apart), those of refuse_plain_secrets() for a row that would be refused when it is written.
Result<SecretRotation> rotate_secrets(const CatalogContents& contents, const CatalogKeyring& keyring);

}  // namespace luge
