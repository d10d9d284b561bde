#include <cstdio>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "app/serve/catalog_file.h"
#include "app/serve/catalog_place.h"
#include "app/serve/spec_options.h"
#include "app/usage_error.h"
#include "app/verbs.h"
#include "service/catalog/catalog_difference.h"
#include "service/catalog/pipeline_spec.h"
#include "service/catalog/secret_sealing.h"

namespace luge {

namespace {

using nlohmann::ordered_json;

Result<std::string> read_applied_document(const std::string& path) {
  if (path.empty()) return usage_error("luge apply: which file?", "luge apply -f luge.yaml");
  std::ifstream file(path, std::ios::binary);
  if (!file) return usage_error("luge apply: cannot read " + path, "");
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

ordered_json json_of_changes(const CatalogDifference& found) {
  ordered_json changes = ordered_json::array();
  for (const RowChange& change : found.changes) {
    ordered_json fields = ordered_json::array();
    for (const RowChange::Field& field : change.fields) fields.push_back({{"name", field.name}, {"before", field.before}, {"after", field.after}});
    const char* const what = change.what == RowChange::What::added ? "added" : change.what == RowChange::What::changed ? "changed" : "removed";
    changes.push_back({{"what", what}, {"kind", to_string(change.kind)}, {"name", change.name}, {"fields", std::move(fields)}});
  }
  return changes;
}

}  // namespace

Result<ExitCode> apply_verb(const Options& options, const Environment& environment) {
  TRY(const std::string yaml, read_applied_document(options.file));
  TRY(CatalogDocument document, read_catalog_file(yaml, options.file));
  TRY(const OpenedCatalog opened, open_catalog(options, environment));
  TRY(const SecretResolver secrets, open_secrets(environment));
  TRY(const CatalogContents contents, opened.catalog->read());
  CHECK_OK(seal_secrets(document, contents, secrets.keyring()));
  const CatalogDifference found = difference(document, contents, options.prune);
  CHECK_OK(check_edits(contents, found.edits, SpecRules{check_spec}));
  if (!options.dry_run && !found.edits.empty()) CHECK_OK(opened.catalog->edit(found.edits, found.revision));
  if (options.json) {
    std::printf("%s\n", ordered_json{{"applied", !options.dry_run}, {"changes", json_of_changes(found)}}.dump().c_str());
  } else if (found.changes.empty()) {
    std::printf("the catalog (%s) is as %s says\n", opened.catalog->description().c_str(), options.file.c_str());
  } else {
    std::printf("%s%s\n", difference_text(found).c_str(),
                options.dry_run ? "nothing was changed (--dry-run)" : "done; a luge serve of this catalog acts on it within two seconds");
  }
  return ExitCode::done;
}

}  // namespace luge
