#include <algorithm>
#include <array>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <utility>

#include "app/catalog_checks.h"
#include "app/catalog_row_view.h"
#include "app/drop_command.h"
#include "app/present_catalog.h"
#include "app/serve/row_words.h"
#include "app/text_table.h"
#include "app/usage_error.h"
#include "app/verbs.h"
#include "base/printable_text.h"
#include "service/catalog/edit_errors.h"
#include "service/catalog/pipeline_spec.h"
#include "service/catalog/secret_sealing.h"
#include "service/catalog/secret_text.h"

namespace luge {

namespace {

using nlohmann::ordered_json;

constexpr std::size_t kWidestCell = 200;  // an error, with the command that helps

std::string kind_word(RowKind kind) { return std::string(to_string(kind)); }

void print(const std::string& text) { std::fputs(text.c_str(), stdout); }

/// Whether the words after `luge KIND` can be carried out, before a catalog is looked for.
Status check_call(RowKind kind, const std::vector<std::string>& words) {
  const std::string verb = "luge " + kind_word(kind);
  std::vector<std::string> known{"add", "list", "show", "edit", "remove"};
  if (kind == RowKind::pipeline) known.insert(known.end(), {"start", "pause"});
  const std::string& action = words.front();
  if (std::ranges::find(known, action) == known.end()) {
    std::string hint = suggestion(action, known);
    for (const std::string& one : known) hint += (one == "add" ? (hint.empty() ? "actions: " : " Actions: ") : ", ") + one;
    return usage_error(verb + ": there is no action " + shown_word(action), hint);
  }
  const bool named = action != "list";
  if (named && words.size() < 2) return usage_error(verb + " " + action + ": NAME is missing", verb + " list shows what there is");
  const bool pairs = action == "add" || action == "edit";
  if (pairs && words.size() < 3) return usage_error(verb + " " + action + ": KEY=VALUE is missing", verb + " --help shows examples");
  if (!pairs && words.size() > (named ? 2U : 1U)) return usage_error(verb + " " + action + ": too many words", "");
  return ok();
}

/// One verb call: `luge KIND ACTION [NAME] [KEY=VALUE…]`, checked.
class CatalogCall {
 public:
  CatalogCall(RowKind kind, const Options& options, OpenedCatalog opened, SecretResolver secrets)
      : kind_(kind), options_(options), catalog_(std::move(opened.catalog)), secrets_(std::move(secrets)) {}

  Result<ExitCode> carry_out() {
    const std::string& action = options_.arguments.front();
    if (action == "list") return list();
    name_ = options_.arguments[1];
    if (action == "add" || action == "edit") return put(action == "add", std::span(options_.arguments).subspan(2));
    if (action == "show") return show();
    if (action == "start") return set_desired("START", "started");
    if (action == "pause") return set_desired("PAUSE", "paused");
    return remove();
  }

 private:
  Result<ExitCode> list() {
    TRY(const CatalogContents contents, catalog_->read());
    TRY(const auto statuses, catalog_->read_statuses());
    std::string rows;
    TextTable table(kind_ == RowKind::source        ? std::vector<std::string>{"source", "connection"}
                    : kind_ == RowKind::destination ? std::vector<std::string>{"destination", "address"}
                                                    : std::vector<std::string>{"pipeline", "from", "to", "desired", "state", "lag", "what is wrong"});
    if (kind_ == RowKind::source) {
      for (const auto& [name, row] : contents.sources) {
        rows += (rows.empty() ? "" : ",") + document_of(row);
        table.add({shortened(name), shown_conninfo(row.conninfo)}, kWidestCell);
      }
    } else if (kind_ == RowKind::destination) {
      for (const auto& [name, row] : contents.destinations) {
        rows += (rows.empty() ? "" : ",") + document_of(row);
        table.add({shortened(name), row.address}, kWidestCell);
      }
    } else {
      for (const auto& [name, row] : contents.pipelines) {
        const StatusRow* const status = status_of(statuses, name);
        rows += (rows.empty() ? "" : ",") + document_of(row, status);
        const bool lags = status != nullptr && status->lag_bytes && !is_stale(*status);
        // Names that are too long are no good ones: they need no more than to be recognized.
        table.add({shortened(name), shortened(row.source), shortened(row.destination), shortened(row.desired), state_text(status),
                   lags ? std::to_string(*status->lag_bytes) + " bytes" : "", what_is_wrong(row, status, contents)},
                  kWidestCell);
      }
    }
    if (options_.json) {
      print("{\"" + kind_word(kind_) + "s\":[" + rows + "]}\n");
    } else if (table.rows() == 0) {
      std::printf("the catalog (%s) has no %s; luge %s --help shows how to add one\n", catalog_->description().c_str(), kind_word(kind_).c_str(),
                  kind_word(kind_).c_str());
    } else {
      print(table.text());
      if (kind_ == RowKind::pipeline && is_silent(statuses)) print_silence();
    }
    return ExitCode::done;
  }

  Result<ExitCode> show() {
    TRY(const CatalogContents contents, catalog_->read());
    std::string shown;
    bool silent = false;
    const bool json = options_.json;
    if (kind_ == RowKind::source) {
      if (const auto found = contents.sources.find(name_); found != contents.sources.end())
        shown = json ? document_of(found->second) : field_lines(found->second);
    } else if (kind_ == RowKind::destination) {
      if (const auto found = contents.destinations.find(name_); found != contents.destinations.end())
        shown = json ? document_of(found->second) : field_lines(found->second);
    } else if (const auto found = contents.pipelines.find(name_); found != contents.pipelines.end()) {
      TRY(const auto statuses, catalog_->read_statuses());
      const StatusRow* const status = status_of(statuses, name_);
      shown = json ? document_of(found->second, status) : field_lines(found->second, status);
      silent = is_silent(statuses);
    }
    if (shown.empty()) return unknown_row(kind_, name_);
    print(json ? shown + "\n" : shown);
    if (silent && !json) print_silence();
    return ExitCode::done;
  }

  /// One pipeline that nobody speaks for may have other reasons.
  static bool is_silent(const std::vector<StatusRow>& statuses) { return !statuses.empty() && std::ranges::all_of(statuses, is_stale); }

  void print_silence() const {
    std::printf(
        "\nno luge serve of this catalog (%s) seems to run: pipelines whose state is unknown stand still, and their slots keep the sources' WAL\n",
        catalog_->description().c_str());
  }

  Result<ExitCode> put(bool fresh, std::span<const std::string> words) {
    TRY(const CatalogContents contents, catalog_->read());
    switch (kind_) {
      case RowKind::source: return put_row<SourceRow>(contents, contents.sources, fresh, words);
      case RowKind::destination: return put_row<DestinationRow>(contents, contents.destinations, fresh, words);
      case RowKind::pipeline: break;
    }
    return put_row<PipelineRow>(contents, contents.pipelines, fresh, words);
  }

  template <class Row>
  Result<ExitCode> put_row(const CatalogContents& contents, const std::map<std::string, Row, std::less<>>& rows, bool fresh,
                           std::span<const std::string> words) {
    const auto found = rows.find(name_);
    if (fresh && found != rows.end()) {
      return fatal("exists", "there is a " + kind_word(kind_) + " " + shown_word(name_) + " already",
                   "luge " + kind_word(kind_) + " edit " + name_ + " KEY=VALUE…");
    }
    if (!fresh && found == rows.end()) return unknown_row(kind_, name_);
    Row row = fresh ? Row{} : found->second;
    row.name = name_;
    CHECK_OK(set_words(row, words));
    CHECK_OK(seal_secrets(row, fresh ? nullptr : &found->second, secrets_.keyring()));
    const std::array<CatalogEdit, 1> edits{row};
    CHECK_OK(check_catalog_edits(contents, edits));
    CHECK_OK(catalog_->edit(edits, contents.revision));
    return tell(fresh ? "added" : "changed");
  }

  Result<ExitCode> remove() {
    TRY(const CatalogContents before, catalog_->read());
    const auto pipeline = kind_ == RowKind::pipeline ? before.pipelines.find(name_) : before.pipelines.end();
    const std::array<CatalogEdit, 1> edits{RemoveRow{kind_, name_}};
    CHECK_OK(catalog_->edit(edits));
    if (pipeline == before.pipelines.end()) return tell("removed");
    const SlotLeftBehind left = slot_left_behind(pipeline->second, before);
    TRY(const ExitCode told, tell("removed", {{"slot", left.slot}, {"drop_command", left.command}}));
    if (!options_.json) print(text_of(left));
    return told;
  }

  Result<ExitCode> set_desired(const std::string& desired, const std::string& done) {
    CHECK_OK(change_desired(*catalog_, name_, desired));
    return tell(done);
  }

  Result<ExitCode> tell(const std::string& done, const ordered_json& more = ordered_json::object()) const {
    if (options_.json) {
      ordered_json document{{"kind", kind_word(kind_)}, {"name", name_}, {"done", done}};
      document.update(more);
      print(document.dump(-1, ' ', false, ordered_json::error_handler_t::replace) + "\n");
    } else {
      std::printf("%s %s is %s; a luge serve of this catalog acts on it within two seconds\n", kind_word(kind_).c_str(),
                  printable_text(name_, 63).c_str(), done.c_str());
    }
    return ExitCode::done;
  }

  static std::string shortened(const std::string& name) { return printable_text(name, 63); }

  static const StatusRow* status_of(const std::vector<StatusRow>& statuses, const std::string& name) {
    const auto found = std::ranges::find(statuses, name, &StatusRow::pipeline);
    return found == statuses.end() ? nullptr : &*found;
  }

  const RowKind kind_;
  const Options& options_;
  const std::unique_ptr<PipelineCatalog> catalog_;
  const SecretResolver secrets_;
  std::string name_;
};

Result<ExitCode> call(RowKind kind, const Options& options, const Environment& environment) {
  CHECK_OK(check_call(kind, options.arguments));
  const bool may_make = options.arguments.front() == "add";
  TRY(OpenedCatalog opened, may_make ? open_catalog(options, environment) : open_present_catalog(options, environment));
  TRY(SecretResolver secrets, open_secrets(environment));
  return CatalogCall(kind, options, std::move(opened), std::move(secrets)).carry_out();
}

}  // namespace

Result<ExitCode> source_verb(const Options& options, const Environment& environment) { return call(RowKind::source, options, environment); }
Result<ExitCode> destination_verb(const Options& options, const Environment& environment) { return call(RowKind::destination, options, environment); }
Result<ExitCode> pipeline_verb(const Options& options, const Environment& environment) { return call(RowKind::pipeline, options, environment); }

}  // namespace luge
