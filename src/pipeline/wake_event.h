#pragma once

namespace luge {

/// An eventfd that wakes the driver out of poll(). notify() may be called from any thread and from a signal handler.
class WakeEvent {
 public:
  WakeEvent();
  ~WakeEvent();
  WakeEvent(const WakeEvent&) = delete;
  WakeEvent& operator=(const WakeEvent&) = delete;

  void notify() const;
  /// Takes back all notifications so far.
  void clear() const;
  int fd() const { return fd_; }

 private:
  int fd_ = -1;
};

}  // namespace luge
