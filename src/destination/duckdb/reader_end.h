#pragma once
#include <cstdint>

#include "base/error.h"

namespace luge {

/// Why a reader answers no more.
enum class ReaderEnd : std::uint8_t {
  none,       ///< it does
  cancelled,  ///< nobody waits for its answer
  stopping,   ///< the destination was closed
  reopening,  ///< the destination is opened anew, after a failure
};

/// What a reader that ended so answers. Recovery::retry; code "cancelled" or "closed".
Error reader_ended(ReaderEnd why);

}  // namespace luge
