#include "service/wal/wal_judge.h"

#include <algorithm>
#include <utility>

#include "service/quantity_text.h"

namespace luge {

namespace {

using Growth = std::optional<GrowthRate::Growth>;

constexpr double kFarSeconds = 30.0 * 86'400;  // nobody plans that far ahead by the rate of a minute

std::optional<Duration> time_to_fill(std::uint64_t room, const Growth& growth) {
  if (room == 0) return Duration(0);
  if (!growth || growth->per_second <= 0) return std::nullopt;
  const double seconds = static_cast<double>(room) / growth->per_second;
  if (seconds > kFarSeconds) return std::nullopt;
  return Duration(static_cast<std::int64_t>(seconds * 1e6));
}

std::optional<double> rate_of(const Growth& growth) { return growth ? std::optional(growth->per_second) : std::nullopt; }

double part_of(std::uint64_t room, std::uint64_t whole) { return static_cast<double>(room) / static_cast<double>(whole); }

std::string percent(double part) { return std::to_string(static_cast<int>(part * 100)) + " %"; }

struct Thresholds {
  double warning;
  double danger;
};

WalLevel level_above(double value, Thresholds at) {
  if (at.danger > 0 && value >= at.danger) return WalLevel::danger;
  return at.warning > 0 && value >= at.warning ? WalLevel::warning : WalLevel::ok;
}

WalLevel level_below(double value, Thresholds at) {
  if (at.danger > 0 && value <= at.danger) return WalLevel::danger;
  return at.warning > 0 && value <= at.warning ? WalLevel::warning : WalLevel::ok;
}

Thresholds scaled(Thresholds at, double factor) { return {at.warning * factor, at.danger * factor}; }

Thresholds thresholds_of(WalLimits::Bytes bytes) { return {static_cast<double>(bytes.warning), static_cast<double>(bytes.danger)}; }

}  // namespace

bool WalVerdict::calls_for(WalAction action) const { return std::ranges::find(actions, action) != actions.end(); }

/// One thing that is looked at: the level it calls for, and the one that it still holds up (never lower).
struct WalJudge::Measure {
  WalLevel calls_for = WalLevel::ok;
  WalLevel holds_up = WalLevel::ok;
  std::string reason;
};

/// The soonest of several ends.
struct WalJudge::Countdown {
  std::optional<Duration> left;
  std::string until;

  void take(std::optional<Duration> other, const std::string& its_end) {
    if (!other || (left && *left <= *other)) return;
    left = other;
    until = its_end;
  }
};

struct WalJudge::Case {
  const WalSample& sample;
  const WalLimits& limits;
  WalVerdict verdict;
  std::vector<Measure> measures;
  Countdown shown;    ///< by any rate there is
  Countdown settled;  ///< by rates that may be acted upon
  std::uint64_t most_retained = 0;

  void high(double value, Thresholds at, std::string reason) {
    measures.push_back({level_above(value, at), level_above(value, scaled(at, 1 - limits.hysteresis)), std::move(reason)});
  }
  void low(double value, Thresholds at, std::string reason) {
    measures.push_back({level_below(value, at), level_below(value, scaled(at, 1 + limits.hysteresis)), std::move(reason)});
  }
  void surely(WalLevel level, std::string reason) { measures.push_back({level, level, std::move(reason)}); }
  void count_down(std::uint64_t room, const Growth& growth, const std::string& end) {
    const auto left = time_to_fill(room, growth);
    shown.take(left, end);
    if (room == 0 || (growth && growth->settled)) settled.take(left, end);
  }
};

void WalJudge::forget_what_changed(const WalSample& sample) {
  if (sample.here < last_here_) {  // another server, or the same one set back
    retained_.clear();
    written_.clear();
    size_.clear();
  }
  last_here_ = sample.here;
  if (size_from_directory_ != sample.directory_bytes.has_value()) size_.clear();
  size_from_directory_ = sample.directory_bytes.has_value();
  std::erase_if(retained_, [&sample](const auto& entry) {
    return std::ranges::none_of(sample.slots, [&entry](const SlotSample& slot) { return slot.name == entry.first; });
  });
}

void WalJudge::judge_slot(Case& judged, const SlotSample& slot, bool own) {
  const WalSample& sample = judged.sample;
  SlotVerdict verdict;
  verdict.name = slot.name;
  verdict.own = own;
  verdict.active = slot.active;
  verdict.status = slot.status;
  verdict.invalidation = slot.invalidation;
  verdict.pin = pin_of(slot, sample);
  if (slot.status == WalStatus::lost || slot.restart.is_zero()) {
    retained_.erase(slot.name);
    if (own && slot.status == WalStatus::lost)
      judged.surely(WalLevel::danger, "slot " + slot.name + " is lost" + (slot.invalidation.empty() ? "" : " (" + slot.invalidation + ")"));
    judged.verdict.slots.push_back(std::move(verdict));
    return;
  }
  verdict.retained_bytes = sample.here > slot.restart ? sample.here.value - slot.restart.value : 0;
  const Lsn confirmed = std::max(slot.confirmed, slot.restart);
  if (slot.logical && sample.here > confirmed) verdict.unconfirmed_bytes = sample.here.value - confirmed.value;
  if (slot.safe_bytes) verdict.safe_bytes = static_cast<std::uint64_t>(std::max<std::int64_t>(0, *slot.safe_bytes));
  GrowthRate& rate = retained_[slot.name];
  rate.add(sample.at, verdict.retained_bytes);
  const Growth growth = rate.growth();
  verdict.bytes_per_second = rate_of(growth);
  if (verdict.safe_bytes) verdict.time_left = time_to_fill(*verdict.safe_bytes, growth);
  if (verdict.retained_bytes > judged.most_retained) {
    judged.most_retained = verdict.retained_bytes;
    judged.verdict.pinned_by = verdict.pin.text;
  }
  if (own) {
    if (slot.status == WalStatus::unreserved)
      judged.surely(WalLevel::danger, "slot " + slot.name + " is beyond max_slot_wal_keep_size: the next checkpoint may end it");
    if (verdict.safe_bytes) judged.count_down(*verdict.safe_bytes, growth, "slot " + slot.name + " is lost");
    if (verdict.safe_bytes && sample.slot_limit_bytes.value_or(0) > 0) {
      const double part = part_of(*verdict.safe_bytes, *sample.slot_limit_bytes);
      judged.low(part, {judged.limits.warning_room, judged.limits.danger_room},
                 "slot " + slot.name + " has " + bytes_text(*verdict.safe_bytes) + " (" + percent(part) + ") left of max_slot_wal_keep_size");
    }
  }
  judged.verdict.slots.push_back(std::move(verdict));
}

void WalJudge::judge_disk(Case& judged) {
  const WalLimits& limits = judged.limits;
  WalVerdict& verdict = judged.verdict;
  written_.add(verdict.at, judged.sample.here.value);
  size_.add(verdict.at, verdict.wal_bytes);
  const Growth growth = size_.growth();
  verdict.written_per_second = rate_of(written_.growth());
  verdict.growth_per_second = rate_of(growth);
  judged.high(static_cast<double>(verdict.wal_bytes), thresholds_of(limits.wal_size),
              (verdict.wal_bytes_from_directory ? "the WAL directory holds " : "slots hold WAL of ") + bytes_text(verdict.wal_bytes));
  judged.high(static_cast<double>(verdict.retained_bytes), thresholds_of(limits.retained),
              bytes_text(verdict.retained_bytes) + " are kept for the slot that is furthest behind");
  if (limits.disk_limit_bytes == 0) return;
  const std::uint64_t room = limits.disk_limit_bytes > verdict.wal_bytes ? limits.disk_limit_bytes - verdict.wal_bytes : 0;
  const double part = part_of(room, limits.disk_limit_bytes);
  judged.low(part, {limits.warning_room, limits.danger_room},
             bytes_text(room) + " (" + percent(part) + ") left of the disk limit of " + bytes_text(limits.disk_limit_bytes));
  judged.count_down(room, growth, "the disk limit is reached");
}

WalVerdict WalJudge::judge(const WalSample& sample, const WalLimits& limits, std::span<const std::string> own_slots) {
  forget_what_changed(sample);
  Case judged{sample, limits, {}, {}, {}, {}, 0};
  WalVerdict& verdict = judged.verdict;
  verdict.at = sample.at;
  verdict.standby = sample.standby;
  Lsn oldest = sample.here;
  for (const SlotSample& slot : sample.slots) {
    if (slot.status != WalStatus::lost && !slot.restart.is_zero()) oldest = std::min(oldest, slot.restart);
  }
  verdict.retained_bytes = sample.here.value - oldest.value;
  verdict.wal_bytes_from_directory = sample.directory_bytes.has_value();
  verdict.wal_bytes = sample.directory_bytes.value_or(verdict.retained_bytes);
  for (const SlotSample& slot : sample.slots) {
    judge_slot(judged, slot, own_slots.empty() || std::ranges::find(own_slots, slot.name) != own_slots.end());
  }
  judge_disk(judged);
  verdict.time_left = judged.shown.left;
  verdict.time_left_until = judged.shown.until;
  verdict.time_left_settled = judged.settled.left == judged.shown.left;
  if (judged.settled.left) {
    judged.low(static_cast<double>(judged.settled.left->count()),
               {static_cast<double>(limits.warning_time_left.count()), static_cast<double>(limits.danger_time_left.count())},
               judged.settled.until + " in " + duration_text(*judged.settled.left) + " at the present rate");
  }
  settle_level(judged);
  return std::move(judged.verdict);
}

// A level begins at once and ends late: only when everything has been better by the margin for a while.
void WalJudge::settle_level(Case& judged) {
  WalLevel called_for = WalLevel::ok;
  WalLevel held_up = WalLevel::ok;
  for (const Measure& measure : judged.measures) {
    called_for = std::max(called_for, measure.calls_for);
    held_up = std::max(held_up, measure.holds_up);
  }
  if (held_up >= level_) {
    level_ = std::max(level_, called_for);
    calm_ = 0;
  } else if (++calm_ >= judged.limits.calm_readings) {
    level_ = held_up;
    calm_ = 0;
  }
  WalVerdict& verdict = judged.verdict;
  verdict.level = level_;
  if (level_ == WalLevel::ok) return;
  for (Measure& measure : judged.measures) {
    if (measure.holds_up != WalLevel::ok) verdict.reasons.push_back(std::move(measure.reason));
  }
  if (verdict.reasons.empty()) verdict.reasons.emplace_back("it is better, but not for long yet");
  verdict.actions = judged.limits.on_warning;
  if (level_ != WalLevel::danger) return;
  // What began at the warning does not end because it has become worse.
  for (const WalAction action : judged.limits.on_danger) {
    if (!verdict.calls_for(action)) verdict.actions.push_back(action);
  }
}

}  // namespace luge
