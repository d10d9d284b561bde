#pragma once
#include <optional>
#include <string>

#include "app/status_document.h"

namespace luge {

// Why the last `run` stopped, kept beside the state so that `status` can say it afterwards.

void store_last_error(const std::string& directory, const Error& error);
void forget_last_error(const std::string& directory);
std::optional<StatusDocument::Problem> load_last_error(const std::string& directory);

}  // namespace luge
