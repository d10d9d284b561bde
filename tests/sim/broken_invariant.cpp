#include "sim/broken_invariant.h"

#include <cstring>

#include "base/ensure.h"

namespace luge {

namespace {

struct Guard {
  const char* why;  ///< as the ENSURE says it
  const char* invariant;
};

constexpr Guard kGuards[] = {
    {"feedback beyond the stored intent", "I1"},
    {"a session begins behind a gap", "I11"},
    {"the destination answered success but stands before the batch", "I3"},
    {"a schema for a relation that the stream has not described", "I12"},
    {"a relation resolved with the catalog facts of another", "I12"},
    {"catalog answers must come in the order of the requests", "I12"},
};

}  // namespace

// In the place of base/ensure.cpp's, which is linked after this one: an invariant that the product checks by itself is reported like those
// that the oracle checks, with its name and its seed.
void ensure_failed(const char* condition, const char* why, const char* file, int line) {
  BrokenInvariant broken{"ENSURE", std::string(why) + " (" + condition + " at " + file + ":" + std::to_string(line) + ")"};
  for (const Guard& guard : kGuards) {
    if (std::strcmp(guard.why, why) == 0) broken.invariant = guard.invariant;
  }
  throw broken;
}

}  // namespace luge
