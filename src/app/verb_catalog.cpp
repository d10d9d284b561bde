#include <algorithm>
#include <array>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <utility>

#include "app/serve/catalog_place.h"
#include "app/serve/row_words.h"
#include "app/serve/spec_options.h"
#include "app/text_table.h"
#include "app/usage_error.h"
#include "app/verbs.h"
#include "service/catalog/pipeline_spec.h"
#include "service/catalog/secret_sealing.h"
#include "service/catalog/secret_text.h"

namespace luge {

namespace {

using nlohmann::ordered_json;

const SpecRules& rules() {
  static const SpecRules rules{check_spec};
  return rules;
}

std::string kind_word(RowKind kind) { return std::string(to_string(kind)); }

ordered_json shown_options(const std::string& options) {
  ordered_json out = ordered_json::object();
  const auto parsed = parse_options(options);
  if (!parsed) return out;
  for (const auto& [name, value] : *parsed) out[name] = shown_option(name, value);
  return out;
}

ordered_json shown(const SourceRow& row) {
  return {{"name", row.name}, {"conninfo", shown_conninfo(row.conninfo)}, {"options", shown_options(row.options)}};
}
ordered_json shown(const DestinationRow& row) { return {{"name", row.name}, {"address", row.address}, {"options", shown_options(row.options)}}; }
ordered_json shown(const PipelineRow& row) {
  ordered_json out{{"name", row.name},
                   {"source", row.source},
                   {"destination", row.destination},
                   {"publication", row.publication},
                   {"tables", row.tables},
                   {"mode", row.mode},
                   {"batch_max_size", nullptr},
                   {"batch_max_fill_ms", nullptr},
                   {"desired", row.desired},
                   {"options", shown_options(row.options)}};
  if (row.batch_max_size) out["batch_max_size"] = *row.batch_max_size;
  if (row.batch_max_fill_ms) out["batch_max_fill_ms"] = *row.batch_max_fill_ms;
  return out;
}
ordered_json shown(const StatusRow& row) {
  ordered_json out{{"state", row.state},
                   {"reason", row.reason},
                   {"error", nullptr},
                   {"lsn",
                    {{"server", to_string(row.server)},
                     {"received", to_string(row.received)},
                     {"durable", to_string(row.durable)},
                     {"acknowledged", to_string(row.acknowledged)}}},
                   {"lag", {{"bytes", nullptr}, {"seconds", nullptr}}},
                   {"tables", row.tables},
                   {"quarantined", row.quarantined},
                   {"restarts", row.restarts},
                   {"owner", row.owner},
                   {"heartbeat_at", row.heartbeat_at}};
  if (!row.error.empty()) out["error"] = {{"code", row.error_code}, {"what", row.error}, {"hint", row.hint}};
  if (row.lag_bytes) out["lag"]["bytes"] = *row.lag_bytes;
  if (row.lag_seconds) out["lag"]["seconds"] = *row.lag_seconds;
  return out;
}

/// "name: value" lines; what is empty is left out.
void print_fields(const ordered_json& fields, const std::string& indent = "") {
  for (const auto& [name, value] : fields.items()) {
    if (value.is_null() || (value.is_string() && value.get_ref<const std::string&>().empty()) || (value.is_object() && value.empty())) continue;
    if (value.is_object()) {
      std::printf("%s%s:\n", indent.c_str(), name.c_str());
      print_fields(value, indent + "  ");
    } else {
      std::printf("%s%s: %s\n", indent.c_str(), name.c_str(), value.is_string() ? value.get_ref<const std::string&>().c_str() : value.dump().c_str());
    }
  }
}

/// One verb call: `luge KIND ACTION [NAME] [KEY=VALUE…]`.
class CatalogCall {
 public:
  CatalogCall(RowKind kind, const Options& options, OpenedCatalog opened, SecretResolver secrets)
      : kind_(kind), options_(options), catalog_(std::move(opened.catalog)), secrets_(std::move(secrets)) {}

  Result<ExitCode> carry_out() {
    const std::string& action = options_.arguments.front();
    if (action == "list") return list();
    if (options_.arguments.size() < 2) {
      return usage_error("luge " + kind_word(kind_) + " " + action + ": NAME is missing", "luge " + kind_word(kind_) + " list shows what there is");
    }
    name_ = options_.arguments[1];
    const std::span<const std::string> words = std::span(options_.arguments).subspan(2);
    if (action == "add" || action == "edit") return put(action == "add", words);
    if (!words.empty()) return usage_error("luge " + kind_word(kind_) + " " + action + ": too many words", "");
    if (action == "show") return show();
    if (action == "remove") return edit(RemoveRow{kind_, name_}, "removed");
    if (action == "start" && kind_ == RowKind::pipeline) return edit(SetDesired{name_, "START"}, "started");
    if (action == "pause" && kind_ == RowKind::pipeline) return edit(SetDesired{name_, "PAUSE"}, "paused");
    std::vector<std::string> known{"add", "list", "show", "edit", "remove"};
    if (kind_ == RowKind::pipeline) known.insert(known.end(), {"start", "pause"});
    return usage_error("luge " + kind_word(kind_) + ": there is no action " + shown_word(action), suggestion(action, known));
  }

 private:
  Result<ExitCode> list() {
    if (options_.arguments.size() > 1) return usage_error("luge " + kind_word(kind_) + " list: too many words", "");
    TRY(const CatalogContents contents, catalog_->read());
    TRY(const auto statuses, catalog_->read_statuses());
    ordered_json rows = ordered_json::array();
    TextTable table(kind_ == RowKind::source        ? std::vector<std::string>{"source", "connection"}
                    : kind_ == RowKind::destination ? std::vector<std::string>{"destination", "address"}
                                                    : std::vector<std::string>{"pipeline", "from", "to", "desired", "state", "lag", "what is wrong"});
    if (kind_ == RowKind::source) {
      for (const auto& [name, row] : contents.sources) {
        rows.push_back(shown(row));
        table.add({name, shown_conninfo(row.conninfo)});
      }
    } else if (kind_ == RowKind::destination) {
      for (const auto& [name, row] : contents.destinations) {
        rows.push_back(shown(row));
        table.add({name, row.address});
      }
    } else {
      for (const auto& [name, row] : contents.pipelines) {
        ordered_json one = shown(row);
        const StatusRow* const status = status_of(statuses, name);
        one["status"] = status == nullptr ? ordered_json() : shown(*status);
        rows.push_back(std::move(one));
        table.add({name, row.source, row.destination, row.desired, status == nullptr ? "no luge serve has seen it" : status->state,
                   status == nullptr || !status->lag_bytes ? "" : std::to_string(*status->lag_bytes) + " bytes",
                   status == nullptr ? "" : status->error});
      }
    }
    if (options_.json) {
      std::printf("%s\n", ordered_json{{kind_word(kind_) + "s", rows}}.dump().c_str());
    } else if (table.rows() == 0) {
      std::printf("the catalog (%s) has no %s; luge %s --help shows how to add one\n", catalog_->description().c_str(), kind_word(kind_).c_str(),
                  kind_word(kind_).c_str());
    } else {
      std::fputs(table.text().c_str(), stdout);
    }
    return ExitCode::done;
  }

  Result<ExitCode> show() {
    TRY(const CatalogContents contents, catalog_->read());
    ordered_json row;
    if (kind_ == RowKind::source) {
      if (const auto found = contents.sources.find(name_); found != contents.sources.end()) row = shown(found->second);
    } else if (kind_ == RowKind::destination) {
      if (const auto found = contents.destinations.find(name_); found != contents.destinations.end()) row = shown(found->second);
    } else if (const auto found = contents.pipelines.find(name_); found != contents.pipelines.end()) {
      row = shown(found->second);
      TRY(const auto statuses, catalog_->read_statuses());
      const StatusRow* const status = status_of(statuses, name_);
      row["status"] = status == nullptr ? ordered_json() : shown(*status);
    }
    if (row.is_null()) return missing();
    if (options_.json) {
      std::printf("%s\n", row.dump().c_str());
    } else {
      print_fields(row);
    }
    return ExitCode::done;
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
    if (!fresh && found == rows.end()) return missing();
    Row row = fresh ? Row{} : found->second;
    row.name = name_;
    CHECK_OK(set_words(row, words));
    CHECK_OK(seal_secrets(row, fresh ? nullptr : &found->second, secrets_.keyring()));
    const std::array<CatalogEdit, 1> edits{row};
    CHECK_OK(check_edits(contents, edits, rules()));
    CHECK_OK(catalog_->edit(edits, contents.revision));
    return tell(fresh ? "added" : "changed");
  }

  Result<ExitCode> edit(CatalogEdit edit, const std::string& done) {
    const std::array<CatalogEdit, 1> edits{std::move(edit)};
    CHECK_OK(catalog_->edit(edits));
    return tell(done);
  }

  Result<ExitCode> tell(const std::string& done) const {
    if (options_.json) {
      std::printf("%s\n", ordered_json{{"kind", kind_word(kind_)}, {"name", name_}, {"done", done}}.dump().c_str());
    } else {
      std::printf("%s %s is %s; a luge serve of this catalog acts on it within two seconds\n", kind_word(kind_).c_str(), name_.c_str(), done.c_str());
    }
    return ExitCode::done;
  }

  Error missing() const {
    return fatal("unknown_row", "there is no " + kind_word(kind_) + " " + shown_word(name_), "luge " + kind_word(kind_) + " list");
  }

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
  TRY(OpenedCatalog opened, open_catalog(options, environment));
  TRY(SecretResolver secrets, open_secrets(environment));
  return CatalogCall(kind, options, std::move(opened), std::move(secrets)).carry_out();
}

}  // namespace

Result<ExitCode> source_verb(const Options& options, const Environment& environment) { return call(RowKind::source, options, environment); }
Result<ExitCode> destination_verb(const Options& options, const Environment& environment) { return call(RowKind::destination, options, environment); }
Result<ExitCode> pipeline_verb(const Options& options, const Environment& environment) { return call(RowKind::pipeline, options, environment); }

}  // namespace luge
