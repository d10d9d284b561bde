#pragma once
#include <string>

#include "base/error.h"

namespace luge {

// How a verb that failed says so. With --json exactly one document goes to stdout, whatever happens: the error stands in the document the
// verb has begun, or in one of its own.

/// {"code", "what", "hint", "exit_code"}: the member `error` of every document that ends a verb.
std::string error_json(const Error& error);

/// {"error": {…}}: of a verb that has printed nothing yet.
std::string error_document(const Error& error);

/// On stderr: for people, or as a log line.
void tell_error(const Error& error, bool as_log_line);

}  // namespace luge
