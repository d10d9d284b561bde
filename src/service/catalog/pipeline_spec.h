#pragma once
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"
#include "service/catalog/catalog_options.h"
#include "service/catalog/catalog_rows.h"
#include "service/catalog/secret_text.h"

namespace luge {

/// One pipeline as its rows together say it, checked: what a task is made from. Two of them are equal when a running task need not know.
struct PipelineSpec {
  std::string name;
  std::string source, destination;  ///< names of their rows
  std::string conninfo;             ///< with references until resolve_secrets()
  std::string address;
  std::string publication, tables, mode;
  std::optional<std::uint64_t> batch_max_size, batch_max_fill_ms;
  OptionMap source_options, destination_options, options;
  friend bool operator==(const PipelineSpec&, const PipelineSpec&) = default;
};

/// What only the owner of the option table knows; each may be empty.
struct SpecRules {
  std::function<Status(const PipelineSpec&)> check;  ///< names and values of options, addresses; must not repeat a secret
};

/// Names of rows become parts of identifiers, file names and URLs. Errors "bad_name"; they never repeat the name.
Status check_row_name(RowKind kind, std::string_view name);

/// True: START; false: PAUSE, in any case. Errors "bad_desired".
Result<bool> wants_start(const PipelineRow& row);

/// Errors say what is wrong with the rows of this one pipeline: "bad_name", "bad_desired", "unknown_source", "unknown_destination", "too_long",
/// "bad_mode", "bad_number", "bad_publication", "bad_options", "plain_secret", "bad_conninfo", those of the rules.
Result<PipelineSpec> read_spec(const PipelineRow& row, const CatalogContents& contents, const SpecRules& rules);

/// The same with every reference and encrypted text replaced: from here on it holds secrets.
Result<PipelineSpec> resolve_secrets(PipelineSpec spec, const SecretResolver& secrets);

/// What a task must be started again for: "tables, options.on_gap". Names only, never a value. Empty: nothing.
std::string changed_fields(const PipelineSpec& before, const PipelineSpec& after);

/// For verbs and API, before they edit: every row that the edits touch and every pipeline that uses one is as it should be afterwards.
Status check_edits(const CatalogContents& contents, std::span<const CatalogEdit> edits, const SpecRules& rules);
/// What the catalog holds after them; removing what is not there changes nothing.
CatalogContents with_edits(CatalogContents contents, std::span<const CatalogEdit> edits);

/// At most 40 printable ASCII characters of what an operator wrote, in quotes; the rest is "?" and "…". For words, never for values or secrets.
std::string shown_word(std::string_view text);

}  // namespace luge
