#include <cstdio>
#include <nlohmann/json.hpp>

#include "app/present_catalog.h"
#include "app/usage_error.h"
#include "app/verbs.h"
#include "service/catalog/pipeline_spec.h"
#include "service/catalog/secret_rotation.h"

namespace luge {

Result<ExitCode> secrets_verb(const Options& options, const Environment& environment) {
  if (options.arguments.size() != 1 || options.arguments.front() != "rotate") {
    return usage_error("luge secrets: there is no action " + shown_word(options.arguments.empty() ? "" : options.arguments.front()),
                       "luge secrets rotate");
  }
  TRY(const SecretResolver secrets, open_secrets(environment));
  const std::string key(secrets.keyring().current_id());
  if (key.empty()) {
    return usage_error("luge secrets rotate: there is no key to encrypt with",
                       "LUGE_CATALOG_KEYS_FILE names a file of keys, the new one in its first line, the old ones below it");
  }
  TRY(const OpenedCatalog opened, open_present_catalog(options, environment));
  TRY(const CatalogContents contents, opened.catalog->read());
  TRY(const SecretRotation rotation, rotate_secrets(contents, secrets.keyring()));
  if (!rotation.edits.empty()) CHECK_OK(opened.catalog->edit(rotation.edits, contents.revision));
  if (options.json) {
    const nlohmann::ordered_json document{{"key", key}, {"secrets", rotation.secrets}, {"rows", rotation.edits.size()}};
    std::printf("%s\n", document.dump().c_str());
  } else if (rotation.secrets == 0) {
    std::printf("every encrypted secret of the catalog (%s) is encrypted with the key %s already\n", opened.catalog->description().c_str(),
                key.c_str());
  } else {
    std::printf("%zu %s of %zu %s are encrypted with the key %s now; no other key is needed for this catalog (%s)\n", rotation.secrets,
                rotation.secrets == 1 ? "secret" : "secrets", rotation.edits.size(), rotation.edits.size() == 1 ? "row" : "rows", key.c_str(),
                opened.catalog->description().c_str());
  }
  return ExitCode::done;
}

}  // namespace luge
