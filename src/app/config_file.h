#pragma once
#include <functional>
#include <optional>
#include <string>

#include "app/options.h"
#include "base/result.h"

namespace luge {

/// Looks an environment variable up; injected for tests.
using Environment = std::function<std::optional<std::string>(const std::string& name)>;
Environment process_environment();

/// Replaces every ${NAME} by the variable's value. An unset variable is an error that names it. `$${` is a literal "${".
Result<std::string> expand_environment(const std::string& text, const Environment& environment, std::string_view where);

/// `file:PATH`: the file's contents without the newline at the end; refused when others may read the file. Anything else: itself.
Result<std::string> read_secret(const std::string& text, std::string_view where);

/// Reads luge.yaml over `options`. Unknown keys are errors with the nearest known one.
Status apply_config_file(Options& options, const std::string& path, const Environment& environment);
/// The same for text; `name` is for messages.
Status apply_config_text(Options& options, const std::string& yaml, const std::string& name, const Environment& environment);

}  // namespace luge
