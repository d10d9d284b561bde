#include "model/snapshot.h"

#include <algorithm>
#include <charconv>

namespace luge {

namespace {

template <class Number>
std::optional<Number> take_number(std::string_view& text, char terminator) {
  Number value = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{}) return std::nullopt;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  if (terminator != '\0') {
    if (text.empty() || text.front() != terminator) return std::nullopt;
    text.remove_prefix(1);
  }
  return value;
}

}  // namespace

bool Snapshot::visible(Xid xid) const {
  if (xid < xmin) return true;
  if (xid >= xmax) return false;
  return !std::binary_search(in_progress.begin(), in_progress.end(), xid);
}

bool old_transactions_gone(const Snapshot& now, Xid horizon) { return now.xmin >= horizon; }

std::optional<Snapshot> Snapshot::parse(std::string_view text) {
  Snapshot snapshot;
  const auto xmin = take_number<Xid>(text, ':');
  if (!xmin) return std::nullopt;
  const auto xmax = take_number<Xid>(text, ':');
  if (!xmax) return std::nullopt;
  snapshot.xmin = *xmin;
  snapshot.xmax = *xmax;
  for (bool more = !text.empty() && text.front() != '@'; more;) {
    const auto xid = take_number<Xid>(text, '\0');
    if (!xid) return std::nullopt;
    snapshot.in_progress.push_back(*xid);
    more = !text.empty() && text.front() != '@';
    if (!more) break;
    if (text.front() != ',') return std::nullopt;
    text.remove_prefix(1);
  }
  if (!text.empty()) {
    text.remove_prefix(1);
    const auto timeline = take_number<std::uint32_t>(text, '\0');
    if (!timeline || !text.empty()) return std::nullopt;
    snapshot.timeline = *timeline;
  }
  std::sort(snapshot.in_progress.begin(), snapshot.in_progress.end());
  return snapshot;
}

std::string to_string(const Snapshot& snapshot) {
  std::string text = std::to_string(snapshot.xmin) + ":" + std::to_string(snapshot.xmax) + ":";
  for (std::size_t i = 0; i < snapshot.in_progress.size(); ++i) {
    if (i > 0) text += ',';
    text += std::to_string(snapshot.in_progress[i]);
  }
  if (snapshot.timeline != 0) text += "@" + std::to_string(snapshot.timeline);
  return text;
}

}  // namespace luge
