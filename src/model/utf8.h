#pragma once
#include <string_view>

namespace luge {

/// Well-formed UTF-8 (RFC 3629: shortest form, no surrogates, at most U+10FFFF). ASCII goes eight bytes at a time.
bool is_utf8(std::string_view bytes);

}  // namespace luge
