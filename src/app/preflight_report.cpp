#include "app/preflight_report.h"

#include <algorithm>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "app/name_pattern.h"
#include "app/option_value.h"
#include "app/text_table.h"

namespace luge {

namespace {

constexpr std::uint64_t kPage = 8192;

/// Column names of `attnums`.
std::string names_of(const CatalogTable& table, const std::vector<std::int16_t>& attnums) {
  std::string names;
  for (const std::int16_t attnum : attnums) {
    for (const CatalogColumn& column : table.columns) {
      if (column.attnum == attnum) names += (names.empty() ? "" : ", ") + column.name;
    }
  }
  return names;
}

std::string key_of(const CatalogTable& table) {
  switch (table.identity) {
    case ReplicaIdentity::nothing: return "none";
    case ReplicaIdentity::key: return table.primary_key.empty() ? "none" : names_of(table, table.primary_key);
    case ReplicaIdentity::index: return names_of(table, table.identity_index);
    case ReplicaIdentity::full: return table.primary_key.empty() ? "whole row" : names_of(table, table.primary_key);
  }
  return "none";
}

std::vector<std::string> notes_of(const CatalogTable& table) {
  std::vector<std::string> notes;
  if (table.kind == 'p') notes.emplace_back("partitioned, through its root");
  std::string generated;
  for (const CatalogColumn& column : table.columns) {
    if (!column.dropped && column.generated) generated += (generated.empty() ? "" : ", ") + column.name;
  }
  if (!generated.empty()) notes.push_back("generated, not published: " + generated);
  if (table.row_filter) notes.emplace_back("row filter of the publication");
  if (!table.published_columns.empty()) notes.emplace_back("column list of the publication");
  return notes;
}

std::string notes_text(const std::vector<std::string>& parts) {
  std::string out;
  for (const std::string& part : parts) out += (out.empty() ? "" : "; ") + part;
  return out;
}

std::string indented(const std::string& text, const std::string& indent) {
  std::string out;
  for (const std::string& line : split_outside_quotes(text, '\n')) out += indent + line + "\n";
  return out;
}

}  // namespace

std::string checks_text(const std::vector<Check>& checks, bool all) {
  std::string out;
  for (const auto level : {Check::Level::good, Check::Level::note, Check::Level::warning, Check::Level::decision, Check::Level::problem}) {
    if (level == Check::Level::good && !all) continue;
    for (const Check& check : checks) {
      if (check.level != level) continue;
      const std::string what = indented(check.what, std::string(11, ' '));
      out += fmt::format("{:<9}{}", to_string(level), what.substr(9));
      if (!check.fix.empty()) out += indented("→ " + check.fix, std::string(11, ' '));
    }
  }
  return out;
}

std::string plan_text(const Preflight& preflight, const PipelinePlaces& places, const Options& options) {
  std::string out = fmt::format("{} → {} ({})\n", preflight.source, places.destination.text(), options.mode);
  if (preflight.gap) {
    out += "stops: where it would go on from does not fit any more\n";
  } else if (preflight.repairs) {
    out += "makes the replication slot " + preflight.slot + " anew and copies every table again: changes are missing\n";
  } else if (preflight.state) {
    out += "resumes; nothing new is created\n";
  } else if (preflight.mirror_adopted) {
    out += "goes on from what the mirror holds: luge's state is missing, and is made anew in " + places.state + "\n";
  } else {
    if (!preflight.publication_exists) out += "creates the publication " + preflight.slot + "\n";
    if (!preflight.slot_exists) out += "creates the replication slot " + preflight.slot + "\n";
    out += "keeps its state in " + places.state + "\n";
  }
  if (preflight.tables.empty()) return out + "no table yet\n";
  out += (preflight.state || preflight.mirror_adopted) && !preflight.repairs ? "\n" : "copies, then follows\n\n";
  TextTable table({"TABLE", "ROWS (ABOUT)", "SIZE", "KEY", "NOTES"},
                  {TextTable::Align::left, TextTable::Align::right, TextTable::Align::right, TextTable::Align::left, TextTable::Align::left});
  std::uint64_t bytes = 0;
  for (const CatalogTable& one : preflight.tables) {
    bytes += one.pages * kPage;
    table.add({to_string(one.name), one.estimated_rows < 0 ? "?" : format_count(static_cast<std::uint64_t>(one.estimated_rows)),
               format_bytes(one.pages * kPage), key_of(one), notes_text(notes_of(one))});
  }
  return out + table.text("  ") + fmt::format("  {} tables, {}\n", preflight.tables.size(), format_bytes(bytes));
}

std::string preflight_json(const Preflight& preflight, const PipelinePlaces& places) {
  using nlohmann::ordered_json;
  ordered_json checks = ordered_json::array();
  for (const Check& check : preflight.checks) {
    checks.push_back({{"check", check.name}, {"level", to_string(check.level)}, {"what", check.what}, {"fix", check.fix}, {"tables", check.tables}});
  }
  ordered_json tables = ordered_json::array();
  for (const CatalogTable& table : preflight.tables) {
    ordered_json one{{"schema", table.name.schema}, {"name", table.name.table},     {"key", key_of(table)},
                     {"estimated_rows", nullptr},   {"bytes", table.pages * kPage}, {"notes", notes_of(table)}};
    if (table.estimated_rows >= 0) one["estimated_rows"] = static_cast<std::uint64_t>(table.estimated_rows);
    tables.push_back(std::move(one));
  }
  const ExitCode code = preflight.exit_code();
  const ordered_json out{{"ready", code == ExitCode::done},
                         {"exit_code", static_cast<int>(code)},
                         {"source", preflight.source},
                         {"destination", places.destination.text()},
                         {"server_version", preflight.server.version == 0 ? "" : version_text(preflight.server.version)},
                         {"slot", {{"name", preflight.slot}, {"exists", preflight.slot_exists}}},
                         {"publication", {{"name", preflight.slot}, {"exists", preflight.publication_exists}}},
                         {"state", {{"path", places.state}, {"exists", preflight.state.has_value()}}},
                         {"checks", checks},
                         {"tables", tables}};
  return out.dump(-1, ' ', false, ordered_json::error_handler_t::replace);
}

namespace {

/// The worst is the last.
std::vector<Check> stopping_checks(const Preflight& preflight) {
  std::vector<Check> stopping;
  for (const Check& check : preflight.checks) {
    if (check.level >= Check::Level::problem) stopping.push_back(check);
  }
  return stopping;
}

}  // namespace

Error error_of(const Preflight& preflight) {
  const std::vector<Check> stopping = stopping_checks(preflight);
  Error error = fatal("preflight", "luge did not start, and nothing was created:\n" + checks_text(stopping, false));
  error.exit_code = preflight.exit_code();
  if (!stopping.empty()) error.code = stopping.back().name;
  return error;
}

Error short_error_of(const Preflight& preflight) {
  const std::vector<Check> stopping = stopping_checks(preflight);
  if (stopping.empty()) return error_of(preflight);
  const Check& worst = stopping.back();
  Error error = fatal(worst.name, worst.what, worst.fix);
  if (stopping.size() > 1) error.what += " (and " + std::to_string(stopping.size() - 1) + " more, in the log)";
  error.exit_code = preflight.exit_code();
  const auto heals = [](const Check& check) { return check.heals_by_time; };
  if (std::ranges::all_of(stopping, heals)) error.recovery = Recovery::retry;
  return error;
}

}  // namespace luge
