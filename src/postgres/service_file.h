#pragma once
#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace luge {

/// The section `service` of a connection service file (libpq-pgservice), or nullopt when it has none. Read by luge itself because
/// the TLS default depends on the host, and libpq opens the file only while connecting.
std::optional<std::map<std::string, std::string>> parse_service_file(std::string_view content, std::string_view service);

}  // namespace luge
