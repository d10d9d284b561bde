#pragma once
#include <cstdint>
#include <string_view>

#include "base/clock.h"
#include "base/random.h"
#include "base/retry_policy.h"

namespace luge {

/// Keeps callers from asking a service that is down: after `failures_to_open` failures in a row nobody may, and after a while one may try.
/// Pure; the caller owns clock and lock.
class CircuitBreaker {
 public:
  enum class State : char {
    closed,     ///< everybody may ask
    open,       ///< nobody may: it fails fast
    half_open,  ///< one asks, the others wait for what comes of it
  };
  struct Options {
    std::uint32_t failures_to_open = 5;
    RetryPolicy::Options retry{};
  };

  CircuitBreaker() = default;
  explicit CircuitBreaker(Options options) : options_(options), retry_(options.retry) {}

  /// True: go and ask, and tell what came of it. In half_open only the first caller hears true.
  bool try_pass(Instant now);
  void succeeded();
  /// `hard`: asking again soon is pointless (refused credentials): it opens at once.
  void failed(Instant now, Random& random, bool hard);

  State state() const { return state_; }
  std::uint32_t failures() const { return failures_; }
  /// When try_pass may say true again.
  Instant next_try() const { return next_try_; }

 private:
  Options options_;
  RetryPolicy retry_;
  State state_ = State::closed;
  std::uint32_t failures_ = 0;
  Instant next_try_{INT64_MIN / 2};
  bool probing_ = false;
};

std::string_view to_string(CircuitBreaker::State state);

}  // namespace luge
