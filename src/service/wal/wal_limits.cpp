#include "service/wal/wal_limits.h"

namespace luge {

std::string_view to_string(WalLevel level) {
  switch (level) {
    case WalLevel::ok: return "ok";
    case WalLevel::warning: return "warning";
    case WalLevel::danger: return "danger";
  }
  return "unknown";
}

std::string_view to_string(WalAction action) {
  switch (action) {
    case WalAction::alert: return "alert";
    case WalAction::pause_copies: return "pause_copies";
    case WalAction::larger_batches: return "larger_batches";
  }
  return "unknown";
}

}  // namespace luge
