#pragma once
#include <string>

#include "service/status_document.h"

namespace luge {

/// The status for people.
std::string to_text(const StatusDocument& document);

/// "1,200 rows, 300 rows/s, 12 s left".
std::string copy_progress_text(const StatusDocument::Copy& copy);

/// "1.2 MiB, 3 s", "unknown".
std::string lag_text(const StatusDocument& document);

}  // namespace luge
