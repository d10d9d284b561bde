#include "app/verify/verify_report.h"

#include <algorithm>
#include <array>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "app/option_value.h"
#include "app/text_table.h"

namespace luge {

namespace {

using nlohmann::json;

constexpr std::array kOutcomes{std::pair{TableComparison::Outcome::equal, "equal"}, std::pair{TableComparison::Outcome::different, "different"},
                               std::pair{TableComparison::Outcome::not_compared, "not_compared"}};
constexpr std::array kKinds{RowDifference::Kind::missing, RowDifference::Kind::extra, RowDifference::Kind::different};

std::string_view name_of(TableComparison::Outcome outcome) {
  for (const auto& [value, name] : kOutcomes) {
    if (value == outcome) return name;
  }
  return "not_compared";
}

json json_of(const HashSum& sum) { return {{"rows", sum.rows}, {"hash", to_string(sum)}}; }

HashSum sum_of(const json& object) {
  const std::string hash = object.at("hash");
  return {object.at("rows"), std::stoull(hash.substr(0, 16), nullptr, 16), std::stoull(hash.substr(16), nullptr, 16)};
}

}  // namespace

std::string_view to_string(RowDifference::Kind kind) {
  switch (kind) {
    case RowDifference::Kind::missing: return "missing";
    case RowDifference::Kind::extra: return "extra";
    case RowDifference::Kind::different: return "different";
  }
  return "different";
}

ExitCode VerifyReport::exit_code() const {
  const auto any = [&](TableComparison::Outcome outcome) {
    return std::ranges::any_of(tables, [&](const TableComparison& table) { return table.outcome == outcome; });
  };
  if (any(TableComparison::Outcome::different)) return ExitCode::difference;
  return any(TableComparison::Outcome::not_compared) ? ExitCode::operator_decision : ExitCode::done;
}

std::string to_json(const VerifyReport& report) {
  nlohmann::ordered_json tables = nlohmann::ordered_json::array();
  for (const TableComparison& table : report.tables) {
    json differences = json::array();
    for (const RowDifference& difference : table.differences) differences.push_back({{"kind", to_string(difference.kind)}, {"key", difference.key}});
    tables.push_back({{"schema", table.name.schema},
                      {"name", table.name.table},
                      {"outcome", name_of(table.outcome)},
                      {"source", json_of(table.source)},
                      {"mirror", json_of(table.mirror)},
                      {"note", table.note},
                      {"differences", differences},
                      {"more", table.more},
                      {"seconds", table.seconds}});
  }
  const nlohmann::ordered_json out{{"equal", report.exit_code() == ExitCode::done},
                                   {"exit_code", static_cast<int>(report.exit_code())},
                                   {"lsn", to_string(report.lsn)},
                                   {"seconds", report.seconds},
                                   {"tables", tables}};
  return out.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

Result<VerifyReport> parse_verify_report(std::string_view text) {
  try {
    const json in = json::parse(text);
    VerifyReport report;
    report.lsn = Lsn::parse(in.at("lsn").get<std::string>()).value_or(Lsn{});
    report.seconds = in.at("seconds");
    for (const json& one : in.at("tables")) {
      TableComparison table;
      table.name = {one.at("schema"), one.at("name")};
      for (const auto& [value, name] : kOutcomes) {
        if (one.at("outcome") == name) table.outcome = value;
      }
      table.source = sum_of(one.at("source"));
      table.mirror = sum_of(one.at("mirror"));
      table.note = one.at("note");
      table.more = one.at("more");
      table.seconds = one.at("seconds");
      for (const json& difference : one.at("differences")) {
        for (const auto kind : kKinds) {
          if (difference.at("kind") == to_string(kind)) table.differences.push_back({kind, difference.at("key")});
        }
      }
      report.tables.push_back(std::move(table));
    }
    return report;
  } catch (const std::exception&) {
    return fatal("control", "the running luge answered with a report of another shape", "is it the same version of luge that runs there?");
  }
}

std::string to_text(const VerifyReport& report) {
  TextTable table({"TABLE", "SOURCE ROWS", "MIRROR ROWS", "HASH OF THE SOURCE", "HASH OF THE MIRROR", ""},
                  {TextTable::Align::left, TextTable::Align::right, TextTable::Align::right, TextTable::Align::left, TextTable::Align::left,
                   TextTable::Align::left});
  std::string details;
  std::uint64_t rows = 0;
  for (const TableComparison& one : report.tables) {
    const bool compared = one.outcome != TableComparison::Outcome::not_compared;
    rows += one.source.rows;
    table.add({to_string(one.name), compared ? format_count(one.source.rows) : "", compared ? format_count(one.mirror.rows) : "",
               compared ? to_string(one.source).substr(0, 16) : "", compared ? to_string(one.mirror).substr(0, 16) : "",
               one.outcome == TableComparison::Outcome::equal ? "equal"
               : compared                                     ? "DIFFERENT"
                                                              : "not compared"});
    if (!one.note.empty()) details += fmt::format("{}: {}\n", to_string(one.name), one.note);
    for (const RowDifference& difference : one.differences)
      details += fmt::format("{}: {} {}\n", to_string(one.name), to_string(difference.kind), difference.key);
    if (one.more) details += fmt::format("{}: … and more\n", to_string(one.name));
  }
  std::string out = table.text();
  if (!details.empty()) out += "\n" + details;
  const ExitCode code = report.exit_code();
  const std::string verdict = code == ExitCode::done         ? "source and mirror are equal"
                              : code == ExitCode::difference ? "source and mirror DIFFER"
                                                             : "no difference was found, but not every table was compared";
  return out + fmt::format("\n{} at LSN {}: {} tables, {} rows, {:.1f} s\n", verdict, to_string(report.lsn), report.tables.size(), format_count(rows),
                           report.seconds);
}

}  // namespace luge
