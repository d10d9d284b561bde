#include "postgres/cancel_on_stop.h"

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <utility>

namespace luge {

namespace {

constexpr auto kRepeatEvery = std::chrono::milliseconds(200);

void watch(const CancelHandle& cancel, const std::stop_token& stop, const std::stop_token& done) {
  std::mutex mutex;
  std::condition_variable_any wake;
  const std::stop_callback on_stop(stop, [&] {
    const std::lock_guard lock(mutex);
    wake.notify_all();
  });
  std::unique_lock lock(mutex);
  wake.wait(lock, done, [&stop] { return stop.stop_requested(); });
  while (!done.stop_requested()) {
    cancel.request();
    wake.wait_for(lock, done, kRepeatEvery, [] { return false; });
  }
}

}  // namespace

CancelOnStop::CancelOnStop(const Connection& connection, std::stop_token stop)
    : thread_([cancel = connection.cancel_handle(), stop = std::move(stop)](const std::stop_token& done) { watch(cancel, stop, done); }) {}

}  // namespace luge
