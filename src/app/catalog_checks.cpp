#include "app/catalog_checks.h"

#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include "app/option_table.h"
#include "app/serve/spec_options.h"
#include "app/usage_error.h"
#include "service/catalog/pipeline_spec.h"
#include "state/redis/redis_address.h"

namespace luge {

namespace {

PipelineSpec spec_of_nothing() {
  PipelineSpec spec;
  spec.name = "check";
  spec.address = "null:";
  spec.mode = "mirror";
  return spec;
}

/// The options that a row may have: those that options_of() takes.
std::vector<std::string> possible_options() {
  std::vector<std::string> names{"columns"};
  for (const OptionSpec& option : option_table()) {
    PipelineSpec spec = spec_of_nothing();
    spec.options[config_key(option)] = option.fallback.empty() ? "x" : std::string(option.fallback);
    if (check_spec(spec)) names.push_back(config_key(option));
  }
  std::ranges::sort(names);
  return names;
}

Status check_option_names(const OptionMap& options, const std::string& where) {
  static const std::vector<std::string> possible = possible_options();
  for (const auto& [name, value] : options) {
    if (std::ranges::find(possible, name) != possible.end()) continue;
    std::string hint = suggestion(name, possible);
    hint += hint.empty() ? "options: " : " Options: ";
    for (const std::string& one : possible) hint += (one == possible.front() ? "" : ", ") + one;
    return usage_error(where + ": there is no option " + shown_word(name), hint);
  }
  return ok();
}

/// As far as it can be judged before its references are replaced.
Status check_state(const OptionMap& options, const std::string& where) {
  const auto state = options.find("state");
  if (state == options.end() || state->second.find("${") != std::string::npos) return ok();
  const SecretForm form = secret_form(state->second);
  if (form != SecretForm::plain) return ok();
  constexpr std::string_view kFile = "sqlite:";
  if (state->second.starts_with(kFile) && state->second.size() > kFile.size()) return ok();
  if (state->second.starts_with("redis") && RedisAddress::parse(state->second)) return ok();
  return usage_error(where + ".state: names no place for state", "write sqlite:PATH, or redis://HOST:PORT/DATABASE");
}

Status check_options(const OptionMap& options, const std::string& where) {
  CHECK_OK(check_option_names(options, where));
  return check_state(options, where);
}

Status check_pipeline(const PipelineSpec& spec) {
  CHECK_OK(check_options(spec.options, "options"));
  return check_spec(spec);
}

Status check_source(const SourceRow& row) {
  PipelineSpec spec = spec_of_nothing();
  TRY(spec.source_options, parse_options(row.options));
  CHECK_OK(check_options(spec.source_options, "source " + shown_word(row.name)));
  return check_spec(spec);
}

Status check_destination(const DestinationRow& row) {
  PipelineSpec spec = spec_of_nothing();
  spec.address = row.address;
  TRY(spec.destination_options, parse_options(row.options));
  if (!row.address.starts_with("snowflake:")) CHECK_OK(check_options(spec.destination_options, "destination " + shown_word(row.name)));
  Status checked = check_spec(spec);
  if (checked) return ok();
  Error error = std::move(checked).error();
  // What the command line calls it is called otherwise here.
  if (error.what.starts_with("--to ")) error.what = "destination " + shown_word(row.name) + ": the address " + error.what.substr(5);
  return error;
}

}  // namespace

Status check_catalog_edits(const CatalogContents& contents, std::span<const CatalogEdit> edits) {
  // Names, lengths and secrets first: later messages quote names.
  CHECK_OK(check_edits(contents, edits, SpecRules{}));
  for (const CatalogEdit& edit : edits) {
    if (const auto* source = std::get_if<SourceRow>(&edit)) CHECK_OK(check_source(*source));
    if (const auto* destination = std::get_if<DestinationRow>(&edit)) CHECK_OK(check_destination(*destination));
  }
  return check_edits(contents, edits, SpecRules{check_pipeline});
}

Status change_desired(PipelineCatalog& catalog, const std::string& pipeline, const std::string& desired) {
  constexpr int kAttempts = 5;
  const std::array<CatalogEdit, 1> edits{SetDesired{pipeline, desired}};
  if (desired == "PAUSE") return catalog.edit(edits);
  for (int attempt = 1;; ++attempt) {
    TRY(const CatalogContents contents, catalog.read());
    CHECK_OK(check_catalog_edits(contents, edits));
    Status done = catalog.edit(edits, contents.revision);
    // Nobody was shown what the catalog held: that somebody was faster is no reason to ask, it is looked at again.
    if (done || done.error().code != "catalog_changed" || attempt == kAttempts) return done;
  }
}

}  // namespace luge
