#include "pipeline/driver.h"

#include <utility>

#include "pipeline/driver_impl.h"

namespace luge {

Driver::Driver(DriverOptions options, Destination& destination, StateStore& state)
    : impl_(std::make_unique<Impl>(std::move(options), destination, state)) {}
Driver::~Driver() = default;
Status Driver::run() { return impl_->run(); }
void Driver::request_drain() { impl_->request_drain(); }
void Driver::request_stop() { impl_->request_stop(); }
DriverStatus Driver::status() const { return impl_->status(); }
DriverStatus Driver::last_status() const { return impl_->last_status(); }
void Driver::on_state_change(std::function<void()> changed) { impl_->on_state_change(std::move(changed)); }
Status Driver::await_catalog(Duration timeout) { return impl_->await_catalog(timeout); }
Status Driver::resync(const TableName& table) { return impl_->resync(table); }
Status Driver::pause(bool paused) { return impl_->pause(paused); }
void Driver::request_resume() { impl_->request_resume(); }
void Driver::relieve(Relief relief) { impl_->relieve(relief); }
Status Driver::hold(Duration at_most) { return impl_->hold(at_most); }
void Driver::release() { static_cast<void>(impl_->hold(Duration{0}).has_value()); }
Result<std::shared_ptr<ReadHandle>> Driver::read_at(Lsn lsn, Duration timeout, const std::stop_token& stop) {
  return impl_->read_at(lsn, timeout, stop);
}
Result<std::shared_ptr<ReadHandle>> Driver::read() { return impl_->read(); }

}  // namespace luge
