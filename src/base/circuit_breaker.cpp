#include "base/circuit_breaker.h"

namespace luge {

bool CircuitBreaker::try_pass(Instant now) {
  if (now < next_try_) return false;
  if (state_ == State::closed) return true;
  if (probing_) return false;
  state_ = State::half_open;
  probing_ = true;
  return true;
}

void CircuitBreaker::succeeded() {
  state_ = State::closed;
  failures_ = 0;
  probing_ = false;
  next_try_ = Instant{INT64_MIN / 2};
  retry_.succeeded();
}

void CircuitBreaker::failed(Instant now, Random& random, bool hard) {
  ++failures_;
  probing_ = false;
  next_try_ = now + retry_.next_delay(now, random);
  if (hard || failures_ >= options_.failures_to_open) state_ = State::open;
}

std::string_view to_string(CircuitBreaker::State state) {
  switch (state) {
    case CircuitBreaker::State::closed: return "closed";
    case CircuitBreaker::State::open: return "open";
    case CircuitBreaker::State::half_open: break;
  }
  return "half_open";
}

}  // namespace luge
