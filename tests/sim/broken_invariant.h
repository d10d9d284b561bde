#pragma once
#include <string>

namespace luge {

/// Thrown where an ENSURE of the product fails inside a simulated world. luge itself would abort; a world ends with the invariant of
/// correctness.md §7 that the ENSURE guards in production.
struct BrokenInvariant {
  std::string invariant;  ///< "ENSURE": one that stands for none of them
  std::string what;
};

}  // namespace luge
