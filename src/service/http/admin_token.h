#pragma once
#include <string>

#include "base/result.h"

namespace luge {

/// The token in the file at `path`; one is made (256 bits, file mode 0600) when there is none. Errors: "token_file" when others may read it
/// or it is shorter than 16 characters.
Result<std::string> load_or_make_token(const std::string& path);

}  // namespace luge
