#include "channels.h"

#include <algorithm>
#include <utility>

namespace luge::sink {

bool Bucket::take(double amount, Clock::time_point now) {
  left_ = std::min(rate_, left_ + std::chrono::duration<double>(now - at_).count() * rate_);
  at_ = now;
  if (left_ < std::min(amount, rate_)) return false;
  left_ -= amount;
  return true;
}

Channel Channels::open(const std::string& key) {
  const std::lock_guard lock(mutex_);
  Channel& channel = channels_[key];
  if (channel.created_ms == 0) {
    channel.created_ms = std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::system_clock::now().time_since_epoch()).count();
  }
  ++channel.opener;
  channel.next_row = 1;
  return channel;
}

Channels::Answer Channels::append(const Append& append) {
  const std::lock_guard lock(mutex_);
  const auto found = channels_.find(append.key);
  if (found == channels_.end()) return {Outcome::unknown, {}};
  Channel& channel = found->second;
  if (append.continuation_token != channel.continuation()) {
    const bool same_opener = append.continuation_token.starts_with(std::to_string(channel.opener) + "_");
    ++counters_.repeated;
    return {same_opener ? Outcome::taken : Outcome::stale, channel.continuation()};
  }
  const auto now = Bucket::Clock::now();
  if (!channel.requests.take(1, now) || !channel.bytes.take(static_cast<double>(append.plain_bytes), now)) {
    ++counters_.refused;
    return {Outcome::too_fast, {}};
  }
  ++channel.next_row;
  channel.rows += append.rows;
  if (!append.end_token.empty()) channel.token = append.end_token;
  if (append.key.find("_LUGE_CONTROL_") != std::string::npos) return {Outcome::taken, channel.continuation()};
  ++counters_.requests;
  counters_.rows += append.rows;
  counters_.plain_bytes += append.plain_bytes;
  counters_.packed_bytes += append.packed_bytes;
  return {Outcome::taken, channel.continuation()};
}

std::optional<Channel> Channels::find(const std::string& key) const {
  const std::lock_guard lock(mutex_);
  const auto found = channels_.find(key);
  return found == channels_.end() ? std::nullopt : std::optional(found->second);
}

void Channels::drop(const std::string& key) {
  const std::lock_guard lock(mutex_);
  channels_.erase(key);
}

void Channels::keep() {
  const std::lock_guard lock(mutex_);
  kept_ = channels_;
}

void Channels::restore() {
  const std::lock_guard lock(mutex_);
  channels_ = kept_;
  counters_ = {};
}

Counters Channels::take_counters() {
  const std::lock_guard lock(mutex_);
  return std::exchange(counters_, {});
}

}  // namespace luge::sink
