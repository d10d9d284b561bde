#pragma once
#include "base/result.h"
#include "service/catalog/catalog_difference.h"
#include "service/catalog/catalog_keyring.h"
#include "service/catalog/catalog_rows.h"

namespace luge {

// Encrypts what would be a secret in plain text in a row, if there is a key; without one it stays, and is refused later with a hint. `stored` is
// the row of that name in the catalog, or null: where it encrypts the same secret its text is taken over. Otherwise every encryption of a secret
// differs, and what is written again would look like a change.

Status seal_secrets(SourceRow& row, const SourceRow* stored, const CatalogKeyring& keyring);
Status seal_secrets(DestinationRow& row, const DestinationRow* stored, const CatalogKeyring& keyring);
Status seal_secrets(PipelineRow& row, const PipelineRow* stored, const CatalogKeyring& keyring);
/// Every row of a document.
Status seal_secrets(CatalogDocument& document, const CatalogContents& stored, const CatalogKeyring& keyring);

}  // namespace luge
