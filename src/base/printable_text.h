#pragma once
#include <cstddef>
#include <string>
#include <string_view>

namespace luge {

/// One line for a terminal or a log, whoever wrote the text: line ends are "⏎", other control characters (ASCII's and Unicode's C1) blanks, since
/// they would move the cursor or forge a line. What is longer than `widest` characters ends in "…".
std::string printable_text(std::string_view text, std::size_t widest = std::string_view::npos);

/// What is in front of the first line end.
std::string_view first_line(std::string_view text);

}  // namespace luge
