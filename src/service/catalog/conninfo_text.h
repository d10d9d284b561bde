#pragma once
#include <string>

#include "postgres/connection_options.h"

namespace luge {

/// Settings as libpq reads them back: key='value' …
std::string conninfo_text(const ConnectionOptions::Keywords& keywords);

}  // namespace luge
