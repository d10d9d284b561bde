#pragma once
#include <span>
#include <string>
#include <string_view>

namespace luge {

/// A setting that decides the bytes a server sends, or that could end a long session. Set in the startup packet of every
/// connection, because defaults of roles and databases apply to walsenders too, and read back afterwards.
struct PinnedSetting {
  std::string_view name;
  std::string_view value;     ///< as written in the startup packet
  std::string_view readback;  ///< as current_setting() shows it; a trailing '*' matches any rest
};

std::span<const PinnedSetting> pinned_settings();

/// The user's `options` with all pinned settings after them: the last one wins (process_postgres_switches, postgres.c).
std::string startup_options(std::string_view user_options);

/// SELECT current_setting(...), one column per pinned setting in order.
std::string readback_query();

bool readback_matches(const PinnedSetting& setting, std::string_view shown);

/// SET statements for settings that only newer servers know; empty if there are none. `server_version` is server_version_num.
std::string version_gated_settings(int server_version);

}  // namespace luge
