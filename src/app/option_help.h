#pragma once
#include <string>

#include "app/verb.h"

namespace luge {

/// `luge --help`: the verbs.
std::string help_text();
/// `luge VERB --help`: what it does, its options with defaults, examples, exit codes.
std::string help_text(Verb verb);
/// docs/reference/options.md, made from the same tables.
std::string options_reference();
std::string version_text();

}  // namespace luge
