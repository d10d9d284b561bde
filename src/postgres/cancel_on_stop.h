#pragma once
#include <stop_token>
#include <thread>

#include "postgres/connection.h"

namespace luge {

/// While it lives: once `stop` is requested, the connection's running statement is cancelled, again and again, since a request that
/// arrives between two statements is lost. Has a thread of its own.
class CancelOnStop {
 public:
  CancelOnStop(const Connection& connection, std::stop_token stop);

 private:
  std::jthread thread_;
};

}  // namespace luge
