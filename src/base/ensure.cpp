#include "base/ensure.h"

#include <cstdio>
#include <cstdlib>

namespace luge {

void ensure_failed(const char* condition, const char* why, const char* file, int line) {
  std::fprintf(stderr, "luge: invariant broken: %s (%s) at %s:%d\n", why, condition, file, line);
  std::fflush(stderr);
  std::abort();
}

}  // namespace luge
