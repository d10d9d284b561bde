#pragma once
#include <cstdint>
#include <string>
#include <string_view>

namespace luge {

/// Safe between tags and inside a quoted attribute.
std::string html(std::string_view text);
/// Safe as one segment of a path, or as a value of a query.
std::string url_part(std::string_view text);

// For people.
/// "1,234,567".
std::string count_text(std::uint64_t count);
/// "1.2 MiB".
std::string bytes_text(double bytes);
/// "850 ms", "12 s", "3 min 20 s", "2 h 5 min", "4 d 3 h".
std::string seconds_text(double seconds);
/// "0", "12", "3.4k", "1.2M".
std::string row_rate_text(double per_second);

}  // namespace luge
