#include "postgres/pinned_settings.h"

#include <array>

namespace luge {

namespace {

constexpr std::array kPinned = {
    PinnedSetting{"datestyle", "ISO", "ISO*"},  // the input order (MDY) stays the server's: luge sends no dates
    PinnedSetting{"intervalstyle", "postgres", "postgres"},
    PinnedSetting{"timezone", "UTC", "UTC"},
    PinnedSetting{"extra_float_digits", "3", "3"},
    PinnedSetting{"bytea_output", "hex", "hex"},
    PinnedSetting{"client_encoding", "UTF8", "UTF8"},
    PinnedSetting{"search_path", "pg_catalog", "pg_catalog"},
    PinnedSetting{"quote_all_identifiers", "off", "off"},
    PinnedSetting{"lc_monetary", "C", "C"},
    PinnedSetting{"xmloption", "content", "content"},
    PinnedSetting{"standard_conforming_strings", "on", "on"},
    PinnedSetting{"row_security", "off", "off"},
    PinnedSetting{"statement_timeout", "0", "0"},
    PinnedSetting{"idle_in_transaction_session_timeout", "0", "0"},
    PinnedSetting{"lock_timeout", "10s", "10s"},
};

}  // namespace

std::span<const PinnedSetting> pinned_settings() { return kPinned; }

std::string startup_options(std::string_view user_options) {
  std::string out(user_options);
  for (const PinnedSetting& setting : kPinned) {
    if (!out.empty()) out += ' ';
    out.append("-c ").append(setting.name).append("=").append(setting.value);
  }
  return out;
}

std::string readback_query() {
  std::string sql = "SELECT ";
  for (const PinnedSetting& setting : kPinned) {
    if (&setting != kPinned.data()) sql += ", ";
    sql.append("pg_catalog.current_setting('").append(setting.name).append("')");
  }
  return sql;
}

bool readback_matches(const PinnedSetting& setting, std::string_view shown) {
  if (setting.readback.ends_with('*')) return shown.starts_with(setting.readback.substr(0, setting.readback.size() - 1));
  return shown == setting.readback;
}

std::string version_gated_settings(int server_version) {
  std::string sql;
  if (server_version >= 140000) sql += "SET idle_session_timeout = 0;";
  if (server_version >= 170000) sql += "SET transaction_timeout = 0;";
  return sql;
}

}  // namespace luge
