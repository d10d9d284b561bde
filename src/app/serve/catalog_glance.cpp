#include "app/serve/catalog_glance.h"

#include <utility>

#include "base/log_component.h"

namespace luge {

namespace {
constexpr Duration kReadAgainAfter = std::chrono::seconds(2);
constexpr Duration kLongestGlance = std::chrono::seconds(1);
}  // namespace

CatalogGlance::CatalogGlance(PipelineCatalog& catalog, const Clock& clock)
    : catalog_(catalog),
      clock_(clock),
      last_{std::make_shared<const Seen>(), std::nullopt},
      thread_([this](const std::stop_token& stop) { run(stop); }) {}

CatalogGlance::Look CatalogGlance::look() {
  std::unique_lock lock(mutex_);
  const Instant now = clock_.now();
  if (tried_at_ && now - *tried_at_ < kReadAgainAfter) return last_;
  if (!asked_at_) {
    asked_at_ = now;
    asked_.notify_one();
  }
  // Of a server that does not answer everybody together waits a second, not each for ten.
  answered_.wait_for(lock, *asked_at_ + kLongestGlance - now, [this] { return !asked_at_; });
  return last_;
}

void CatalogGlance::run(const std::stop_token& stop) {
  const LogComponent scope("catalog");
  std::unique_lock lock(mutex_);
  while (asked_.wait(lock, stop, [this] { return asked_at_.has_value(); }) && !stop.stop_requested()) {
    lock.unlock();
    auto seen = read();
    lock.lock();
    if (seen) {
      last_ = {*std::move(seen), std::nullopt};
    } else {
      last_.error = std::move(seen).error();
    }
    tried_at_ = clock_.now();
    asked_at_.reset();
    answered_.notify_all();
  }
}

Result<std::shared_ptr<const CatalogGlance::Seen>> CatalogGlance::read() {
  const auto seen = std::make_shared<Seen>();
  TRY(seen->contents, catalog_.read());
  TRY(seen->statuses, catalog_.read_statuses());
  seen->read_at = clock_.now();
  return std::shared_ptr<const Seen>(seen);
}

}  // namespace luge
