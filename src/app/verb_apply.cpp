#include <cstdio>
#include <fstream>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <sstream>

#include "app/catalog_checks.h"
#include "app/drop_command.h"
#include "app/present_catalog.h"
#include "app/serve/catalog_file.h"
#include "app/usage_error.h"
#include "app/verbs.h"
#include "base/printable_text.h"
#include "service/catalog/catalog_difference.h"
#include "service/catalog/pipeline_spec.h"
#include "service/catalog/secret_sealing.h"

namespace luge {

namespace {

using nlohmann::ordered_json;

Result<std::string> read_applied_document(const std::string& path) {
  if (path.empty()) return usage_error("luge apply: which file?", "luge apply -f luge.yaml, or -f - for standard input");
  std::ostringstream text;
  if (path == "-") {
    text << std::cin.rdbuf();
    return text.str();
  }
  std::ifstream file(path, std::ios::binary);
  if (!file) return usage_error("luge apply: cannot read " + path, "");
  text << file.rdbuf();
  return text.str();
}

bool removes_pipeline(const RowChange& change) { return change.what == RowChange::What::removed && change.kind == RowKind::pipeline; }

ordered_json json_of_changes(const CatalogDifference& found, const CatalogContents& before) {
  ordered_json changes = ordered_json::array();
  for (const RowChange& change : found.changes) {
    ordered_json fields = ordered_json::array();
    for (const RowChange::Field& field : change.fields) fields.push_back({{"name", field.name}, {"before", field.before}, {"after", field.after}});
    const char* const what = change.what == RowChange::What::added ? "added" : change.what == RowChange::What::changed ? "changed" : "removed";
    ordered_json out{{"what", what}, {"kind", to_string(change.kind)}, {"name", change.name}, {"fields", std::move(fields)}};
    if (removes_pipeline(change)) {
      const SlotLeftBehind left = slot_left_behind(before.pipelines.at(change.name), before);
      out["slot"] = left.slot;
      out["drop_command"] = left.command;
    }
    changes.push_back(std::move(out));
  }
  return changes;
}

/// Of every pipeline that is removed.
std::string slots_text(const CatalogDifference& found, const CatalogContents& before) {
  std::string out;
  for (const RowChange& change : found.changes) {
    if (removes_pipeline(change))
      out += "pipeline " + printable_text(change.name, 63) + ": " + text_of(slot_left_behind(before.pipelines.at(change.name), before));
  }
  return out;
}

}  // namespace

Result<ExitCode> apply_verb(const Options& options, const Environment& environment) {
  TRY(const std::string yaml, read_applied_document(options.file));
  const std::string file = options.file == "-" ? "standard input" : options.file;
  TRY(CatalogDocument document, read_catalog_file(yaml, file));
  TRY(const SecretResolver secrets, open_secrets(environment));
  TRY(const std::string place, catalog_name(options, environment));
  TRY(const bool there, is_catalog_there(options, environment));
  std::unique_ptr<PipelineCatalog> catalog;
  CatalogContents contents;
  if (there || !options.dry_run) {  // to look at the difference from nothing, no catalog has to be made
    TRY(OpenedCatalog opened, open_catalog(options, environment));
    catalog = std::move(opened.catalog);
    TRY(contents, catalog->read());
  }
  CHECK_OK(seal_secrets(document, contents, secrets.keyring()));
  const CatalogDifference found = difference(document, contents, options.prune);
  CHECK_OK(check_catalog_edits(contents, found.edits));
  if (!options.dry_run && !found.edits.empty()) CHECK_OK(catalog->edit(found.edits, found.revision));
  if (options.json) {
    const ordered_json told{{"applied", !options.dry_run}, {"changes", json_of_changes(found, contents)}};
    std::printf("%s\n", told.dump(-1, ' ', false, ordered_json::error_handler_t::replace).c_str());
  } else if (found.changes.empty()) {
    std::printf("the catalog (%s) is as %s says\n", place.c_str(), file.c_str());
  } else {
    std::printf("%s%s\n%s", difference_text(found).c_str(),
                options.dry_run ? "nothing was changed (--dry-run)" : "done; a luge serve of this catalog acts on it within two seconds",
                options.dry_run ? "" : slots_text(found, contents).c_str());
  }
  return ExitCode::done;
}

}  // namespace luge
