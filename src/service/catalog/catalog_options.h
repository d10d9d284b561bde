#pragma once
#include <map>
#include <string>
#include <string_view>

#include "base/result.h"

namespace luge {

using OptionMap = std::map<std::string, std::string, std::less<>>;

/// The JSON object of a row's `options` as option names and what would be written on the command line: true is "on", a list of single values
/// is joined by commas, an object stays JSON. Errors: "bad_options"; they never repeat a value.
Result<OptionMap> parse_options(std::string_view json);
/// The same the other way round: every value as a JSON string, except objects.
std::string write_options(const OptionMap& options);

}  // namespace luge
