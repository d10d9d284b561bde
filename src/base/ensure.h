#pragma once

namespace luge {

/// Prints the broken invariant with its place to stderr and aborts. Never returns.
[[noreturn]] void ensure_failed(const char* condition, const char* why, const char* file, int line);

}  // namespace luge

/// An invariant of the program, checked in release builds too: a wrong position is worse than a dead process.
#define ENSURE(condition, why)                                    \
  do {                                                            \
    if (!(condition)) [[unlikely]]                                \
      ::luge::ensure_failed(#condition, why, __FILE__, __LINE__); \
  } while (false)
