#include "service/catalog/catalog_difference.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <set>
#include <utility>

#include "service/catalog/catalog_options.h"
#include "service/catalog/secret_text.h"

namespace luge {

namespace {

/// Field -> (text that decides whether it changed, text for people).
struct FieldText {
  std::string compared, shown;
};
using FieldTexts = std::map<std::string, FieldText>;

void add(FieldTexts& fields, const std::string& name, const std::string& text) {
  if (!text.empty()) fields[name] = {text, text};
}

void add_number(FieldTexts& fields, const std::string& name, const std::optional<std::int64_t>& number) {
  if (number) add(fields, name, std::to_string(*number));
}

void add_options(FieldTexts& fields, const std::string& text) {
  const auto options = parse_options(text);
  if (!options) {
    fields["options"] = {text, "(not readable)"};
    return;
  }
  for (const auto& [name, value] : *options) {
    fields["options." + name] = {value, shown_option(name, value)};
  }
}

FieldTexts fields_of(const SourceRow& row) {
  FieldTexts fields;
  fields["conninfo"] = {row.conninfo, shown_conninfo(row.conninfo)};
  add_options(fields, row.options);
  return fields;
}

FieldTexts fields_of(const DestinationRow& row) {
  FieldTexts fields;
  add(fields, "address", row.address);
  add_options(fields, row.options);
  return fields;
}

FieldTexts fields_of(const PipelineRow& row) {
  FieldTexts fields;
  add(fields, "source", row.source);
  add(fields, "destination", row.destination);
  add(fields, "publication", row.publication);
  add(fields, "tables", row.tables);
  add(fields, "mode", row.mode);
  add_number(fields, "batch_max_size", row.batch_max_size);
  add_number(fields, "batch_max_fill_ms", row.batch_max_fill_ms);
  add(fields, "desired", row.desired);
  add_options(fields, row.options);
  return fields;
}

std::vector<RowChange::Field> changed(const FieldTexts& before, const FieldTexts& after) {
  std::set<std::string> names;
  for (const auto& [name, text] : before) names.insert(name);
  for (const auto& [name, text] : after) names.insert(name);
  std::vector<RowChange::Field> out;
  for (const std::string& name : names) {
    const auto old_text = before.find(name);
    const auto new_text = after.find(name);
    const bool both = old_text != before.end() && new_text != after.end();
    if (both && old_text->second.compared == new_text->second.compared) continue;
    out.push_back({name, old_text == before.end() ? "" : old_text->second.shown, new_text == after.end() ? "" : new_text->second.shown});
  }
  return out;
}

/// By name; the last row of a name counts.
template <class Row>
std::map<std::string, Row> by_name(const std::vector<Row>& rows) {
  std::map<std::string, Row> sorted;
  for (const Row& row : rows) sorted[row.name] = row;
  return sorted;
}

template <class Row, class Present>
void compare(RowKind kind, const std::map<std::string, Row>& wanted, const Present& present, bool prune, CatalogDifference& out,
             std::vector<CatalogEdit>& removals) {
  for (const auto& [name, row] : wanted) {
    const auto found = present.find(name);
    const bool is_new = found == present.end();
    auto fields = changed(is_new ? FieldTexts{} : fields_of(found->second), fields_of(row));
    if (!is_new && fields.empty()) continue;
    out.changes.push_back({is_new ? RowChange::What::added : RowChange::What::changed, kind, name, std::move(fields)});
    out.edits.emplace_back(row);
  }
  if (!prune) return;
  for (const auto& [name, row] : present) {
    if (wanted.contains(name)) continue;
    out.changes.push_back({RowChange::What::removed, kind, name, {}});
    removals.emplace_back(RemoveRow{kind, name});
  }
}

/// One line, whatever the text holds.
std::string one_line_of(const std::string& text) {
  std::string out;
  for (const char c : text.substr(0, 200)) out += static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? '?' : c;
  return text.size() > 200 ? out + "…" : out;
}

}  // namespace

CatalogDifference difference(const CatalogDocument& wanted, const CatalogContents& present, bool prune) {
  CatalogDifference out;
  out.revision = present.revision;
  auto pipelines = by_name(wanted.pipelines);
  for (auto& [name, row] : pipelines) {
    if (!row.desired.empty()) continue;
    const auto found = present.pipelines.find(name);
    row.desired = found == present.pipelines.end() ? "START" : found->second.desired;
  }
  // What is used comes before what uses it, and goes after it.
  std::vector<CatalogEdit> removed_sources;
  std::vector<CatalogEdit> removed_destinations;
  std::vector<CatalogEdit> removed_pipelines;
  compare(RowKind::source, by_name(wanted.sources), present.sources, prune, out, removed_sources);
  compare(RowKind::destination, by_name(wanted.destinations), present.destinations, prune, out, removed_destinations);
  compare(RowKind::pipeline, pipelines, present.pipelines, prune, out, removed_pipelines);
  for (auto* removals : {&removed_pipelines, &removed_destinations, &removed_sources}) {
    std::move(removals->begin(), removals->end(), std::back_inserter(out.edits));
  }
  return out;
}

std::string difference_text(const CatalogDifference& found) {
  std::string out;
  for (const RowChange& change : found.changes) {
    const char* sign = change.what == RowChange::What::added ? "+ " : change.what == RowChange::What::removed ? "- " : "~ ";
    out.append(sign).append(to_string(change.kind)).append(" ").append(one_line_of(change.name)).append("\n");
    for (const RowChange::Field& field : change.fields) {
      const std::string before = one_line_of(field.before);
      const std::string after = one_line_of(field.after);
      out.append("    ").append(field.name).append(": ");
      if (change.what == RowChange::What::changed) out.append(before.empty() ? "(none)" : before).append(" -> ");
      out.append(after.empty() ? "(none)" : after).append("\n");
    }
  }
  return out;
}

}  // namespace luge
