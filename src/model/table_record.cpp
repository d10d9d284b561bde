#include "model/table_record.h"

#include <array>

namespace luge {

namespace {
constexpr std::array kStates = {TableState::waiting,     TableState::copying, TableState::catching_up, TableState::live,
                                TableState::quarantined, TableState::gap,     TableState::resyncing,   TableState::dropped};
}

std::string_view to_string(TableState state) {
  switch (state) {
    case TableState::waiting: return "waiting";
    case TableState::copying: return "copying";
    case TableState::catching_up: return "catching_up";
    case TableState::live: return "live";
    case TableState::quarantined: return "quarantined";
    case TableState::gap: return "gap";
    case TableState::resyncing: return "resyncing";
    case TableState::dropped: return "dropped";
  }
  return "unknown";
}

std::optional<TableState> parse_table_state(std::string_view text) {
  for (const TableState state : kStates) {
    if (to_string(state) == text) return state;
  }
  return std::nullopt;
}

void TableRecord::begin_again() {
  attempt += 1;
  state = restarted();
  snapshot.reset();
  quarantine.reset();
}

}  // namespace luge
