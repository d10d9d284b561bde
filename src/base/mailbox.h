#pragma once
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <mutex>
#include <optional>
#include <stop_token>
#include <utility>

namespace luge {

/// Bounded queue between two threads. try_push and try_pop never block; pop waits for a value or a stop request.
template <class T>
class Mailbox {
 public:
  explicit Mailbox(std::size_t capacity) : capacity_(capacity) {}

  /// False: full, and the caller keeps the value untouched.
  bool try_push(T& value) {
    {
      std::lock_guard lock(mutex_);
      if (queue_.size() >= capacity_) return false;
      queue_.push_back(std::move(value));
    }
    ready_.notify_one();
    return true;
  }

  std::optional<T> try_pop() {
    std::lock_guard lock(mutex_);
    return take();
  }

  /// Waits. nullopt: stop was requested and the queue is empty.
  std::optional<T> pop(const std::stop_token& stop) {
    std::unique_lock lock(mutex_);
    ready_.wait(lock, stop, [this] { return !queue_.empty(); });
    return take();
  }

  /// The same, but gives up after `longest` too.
  std::optional<T> pop_for(const std::stop_token& stop, std::chrono::microseconds longest) {
    std::unique_lock lock(mutex_);
    ready_.wait_for(lock, stop, longest, [this] { return !queue_.empty(); });
    return take();
  }

  std::size_t size() const {
    std::lock_guard lock(mutex_);
    return queue_.size();
  }
  bool has_room() const { return size() < capacity_; }

 private:
  std::optional<T> take() {
    if (queue_.empty()) return std::nullopt;
    std::optional<T> value(std::move(queue_.front()));
    queue_.pop_front();
    return value;
  }

  const std::size_t capacity_;
  mutable std::mutex mutex_;
  std::condition_variable_any ready_;
  std::deque<T> queue_;
};

}  // namespace luge
