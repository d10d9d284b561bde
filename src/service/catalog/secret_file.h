#pragma once
#include <string>
#include <string_view>

#include "base/result.h"

namespace luge {

/// The file's contents without the newline at the end. Refused when others than its owner may read it, and when it is longer than 64 KiB.
/// Errors: "secret_file"; `where` begins the message.
Result<std::string> read_secret_file(const std::string& path, std::string_view where);

}  // namespace luge
