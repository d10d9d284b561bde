#pragma once
#include <span>
#include <string>

#include "decode/message.h"

namespace luge {

/// The line that pgoutput_text.py writes for the same message.
std::string to_text(const Message& message);

/// "( t:one b:\x00 n u )".
std::string to_text(std::span<const ValueView> values);

}  // namespace luge
