#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace luge {

/// The user asked for something that cannot be: exit code 2.
Error usage_error(std::string what, std::string hint = {});

/// The name of `names` that the user most likely meant by `typed`, or "" when none is near.
std::string nearest_name(std::string_view typed, const std::vector<std::string>& names);

/// "did you mean X?" or "".
std::string suggestion(std::string_view typed, const std::vector<std::string>& names);

}  // namespace luge
