#pragma once
#include <string>

#include "base/clock.h"
#include "base/result.h"
#include "service/alert/alert.h"

namespace luge {

struct Delivery {
  /// An error with recovery `retry` is about the receiver: nothing gets through at present. Any other is about this message alone.
  Status status;
  Duration not_before{0};  ///< the receiver's own wish (Retry-After), with an error
};

/// Where messages go. One thread delivers at a time; it may block for some seconds.
class AlertSink {
 public:
  virtual ~AlertSink() = default;
  virtual const std::string& name() const = 0;
  virtual Delivery deliver(const AlertMessage& message) = 0;
  /// Any thread: a delivery that is under way ends soon, later ones fail.
  virtual void interrupt() = 0;
};

}  // namespace luge
