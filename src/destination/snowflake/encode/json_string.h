#pragma once
#include <string_view>

#include "destination/snowflake/encode/json_output.h"

namespace luge {

/// The first byte of [from, end) that a JSON string cannot hold as it is (a quote, a backslash, a control character), or `end`.
const char* find_special(const char* from, const char* end);

/// Appends `text` (UTF-8) as a JSON string with its quotes. Asks for its own room; values' room of the caller is used up.
void write_json_string(std::string_view text, JsonOutput& out);

}  // namespace luge
