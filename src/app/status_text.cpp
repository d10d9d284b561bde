#include "app/status_text.h"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>

#include "app/option_value.h"
#include "app/text_table.h"

namespace luge {

namespace {

std::string state_text(const StatusDocument::Table& table) {
  if (!table.copy) return table.state;
  const auto& copy = *table.copy;
  if (copy.phase != "copying") return table.state + ": " + copy.phase;
  const auto share = copy.share();
  return table.state + ": " + (share ? fmt::format("{:.0f} %, ", std::floor(*share * 100)) : "") + copy_progress_text(copy);
}

std::string slot_text(const StatusDocument::Slot& slot) {
  if (!slot.facts) return "not asked for: give --source";
  const SlotFacts& facts = *slot.facts;
  if (!facts.exists) return "there is none";
  std::string text = facts.wal_status.empty() ? "unknown" : facts.wal_status;
  if (!facts.invalidation_reason.empty()) text += " (" + facts.invalidation_reason + ")";
  if (!facts.safe_wal_bytes) return text;
  return text + ", " + format_bytes(static_cast<std::uint64_t>(std::max<std::int64_t>(0, *facts.safe_wal_bytes))) + " of WAL until it is given up";
}

std::string positions_text(const StatusDocument& document) {
  std::string out;
  if (document.lag_bytes) out += fmt::format("lag {}   server {}  ", lag_text(document), document.server.value_or("unknown"));
  if (document.state != "not_running") out += fmt::format("received {}  ", document.received);
  return out + fmt::format("durable {}  acknowledged {}", document.durable, document.acknowledged);
}

std::string link_text(const StatusDocument::Link& link) {
  return fmt::format("sent {} rows, {}; breaker {}{}{}", format_count(link.rows_sent), format_bytes(link.bytes_sent), link.breaker,
                     link.retries > 0 ? ", " + format_count(link.retries) + " retries" : "",
                     link.last_error.empty() ? "" : ", last error: " + link.last_error);
}

std::string tables_text(const StatusDocument& document) {
  if (document.tables.empty()) return "  no tables yet\n";
  using enum TextTable::Align;
  TextTable table = document.link ? TextTable({"TABLE", "STATE", "CHANGES", "POSITION", "LANDED", "MERGED", "BEHIND", "STATEMENTS", "WAREHOUSE"},
                                              {left, left, right, left, right, left, right, right, right})
                                  : TextTable({"TABLE", "STATE", "CHANGES", "POSITION"}, {left, left, right, left});
  for (const auto& one : document.tables) {
    std::vector<std::string> cells{to_string(TableName{one.schema, one.name}), state_text(one), format_count(one.rows), one.position};
    if (document.link) {
      const StatusDocument::Landing landing = one.landing.value_or(StatusDocument::Landing{});
      cells.insert(cells.end(), {format_count(landing.rows_landed), landing.merged, fmt::format("{:.0f} s", landing.seconds_behind),
                                 format_count(landing.statements), fmt::format("{:.1f} s", landing.warehouse_seconds)});
    }
    table.add(std::move(cells));
  }
  return table.text("  ");
}

}  // namespace

std::string copy_progress_text(const StatusDocument::Copy& copy) {
  std::string text =
      fmt::format("{} rows, {} rows/s", format_count(copy.rows), format_count(static_cast<std::uint64_t>(std::llround(copy.rows_per_second()))));
  // Whole seconds: less would only flicker.
  if (const auto left = copy.seconds_left()) text += ", " + format_duration(std::chrono::seconds(std::max(1LL, std::llround(*left)))) + " left";
  return text;
}

std::string lag_text(const StatusDocument& document) {
  if (!document.lag_bytes) return "unknown";
  std::string text = format_bytes(*document.lag_bytes);
  if (document.lag_seconds) text += ", " + format_duration(Duration(static_cast<std::int64_t>(*document.lag_seconds * 1e6)));
  return text;
}

std::string to_text(const StatusDocument& document) {
  const bool also_paused = document.paused && document.state != "paused";
  std::string out = fmt::format("{}  {}{}\n", document.pipeline, document.state, also_paused ? ", paused" : "");
  out += fmt::format("  {} → {}\n", document.source.empty() ? "?" : document.source, document.destination);
  out += fmt::format("  {}\n  slot {}  {}\n", positions_text(document), document.slot.name, slot_text(document.slot));
  if (document.state != "not_running") {
    out += fmt::format("  {} changes in {} transactions and {} batches\n", format_count(document.rows), format_count(document.transactions),
                       format_count(document.batches));
  }
  if (document.paused) out += "  paused: luge reads nothing until luge resume, and the source keeps its WAL meanwhile\n";
  if (document.link) {
    out += fmt::format("  {}\n", link_text(*document.link));
    if (!document.link->common.empty()) out += fmt::format("  all tables are complete up to {}\n", document.link->common);
  }
  if (document.error) {
    out += fmt::format("  {} ({})\n{}", document.error->what, document.error->code,
                       document.error->hint.empty() ? "" : "  → " + document.error->hint + "\n");
  }
  out += "\n" + tables_text(document);
  for (const auto& one : document.tables) {
    if (!one.quarantine) continue;
    out += fmt::format("\n  {}: {}\n  → {}\n", to_string(TableName{one.schema, one.name}), one.quarantine->reason, one.quarantine->fix);
  }
  for (const auto& one : document.tables) {
    if (one.landing && !one.landing->error.empty())
      out += fmt::format("\n  {}: merging fails: {}\n", to_string(TableName{one.schema, one.name}), one.landing->error);
  }
  return out;
}

}  // namespace luge
