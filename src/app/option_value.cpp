#include "app/option_value.h"

#include <array>
#include <cctype>
#include <fmt/format.h>
#include <utility>

namespace luge {

namespace {

struct Unit {
  std::string_view name;
  std::uint64_t factor;
};

/// A decimal number with an optional fraction, followed by a unit. The product must be whole and fit.
std::optional<std::uint64_t> parse_with_unit(std::string_view text, const auto& units) {
  std::uint64_t whole = 0;
  std::uint64_t fraction = 0;
  std::uint64_t fraction_scale = 1;
  std::size_t at = 0;
  bool digits = false;
  bool point = false;
  for (; at < text.size(); ++at) {
    const char c = text[at];
    if (c >= '0' && c <= '9') {
      digits = true;
      std::uint64_t& target = point ? fraction : whole;
      if (target > (UINT64_MAX - 9) / 10 || (point && fraction_scale > 100'000)) return std::nullopt;
      target = target * 10 + static_cast<std::uint64_t>(c - '0');
      if (point) fraction_scale *= 10;
    } else if (c == '.' && !point && digits) {
      point = true;
    } else if (c != '_' || !digits) {
      break;
    }
  }
  if (!digits) return std::nullopt;
  while (at < text.size() && text[at] == ' ') ++at;
  std::string spelt(text.substr(at));
  for (char& c : spelt) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  for (const Unit& unit : units) {
    if (unit.name != spelt) continue;
    if (whole > UINT64_MAX / unit.factor || (fraction * unit.factor) % fraction_scale != 0) return std::nullopt;
    return whole * unit.factor + fraction * unit.factor / fraction_scale;
  }
  return std::nullopt;
}

constexpr std::array kNoUnit{Unit{"", 1}};
constexpr std::array kSizeUnits{Unit{"", 1},
                                Unit{"b", 1},
                                Unit{"k", 1ULL << 10},
                                Unit{"kib", 1ULL << 10},
                                Unit{"kb", 1'000},
                                Unit{"m", 1ULL << 20},
                                Unit{"mib", 1ULL << 20},
                                Unit{"mb", 1'000'000},
                                Unit{"g", 1ULL << 30},
                                Unit{"gib", 1ULL << 30},
                                Unit{"gb", 1'000'000'000},
                                Unit{"tib", 1ULL << 40},
                                Unit{"tb", 1'000'000'000'000}};
constexpr std::array kDurationUnits{Unit{"", 1'000},       Unit{"us", 1},           Unit{"ms", 1'000},        Unit{"s", 1'000'000},
                                    Unit{"m", 60'000'000}, Unit{"min", 60'000'000}, Unit{"h", 3'600'000'000}, Unit{"d", 86'400'000'000}};

}  // namespace

std::optional<std::uint64_t> parse_count(std::string_view text) { return parse_with_unit(text, kNoUnit); }

std::optional<std::uint64_t> parse_size(std::string_view text) { return parse_with_unit(text, kSizeUnits); }

std::optional<Duration> parse_duration(std::string_view text) {
  const auto micros = parse_with_unit(text, kDurationUnits);
  if (!micros || *micros > static_cast<std::uint64_t>(INT64_MAX)) return std::nullopt;
  return Duration(static_cast<std::int64_t>(*micros));
}

std::optional<bool> parse_flag(std::string_view text) {
  for (const std::string_view yes : {"on", "true", "yes", "1"}) {
    if (text == yes) return true;
  }
  for (const std::string_view no : {"off", "false", "no", "0"}) {
    if (text == no) return false;
  }
  return std::nullopt;
}

std::string format_bytes(std::uint64_t bytes) {
  constexpr std::array<std::pair<std::uint64_t, const char*>, 4> kUnits{
      {{1ULL << 40, "TiB"}, {1ULL << 30, "GiB"}, {1ULL << 20, "MiB"}, {1ULL << 10, "KiB"}}};
  for (const auto& [factor, name] : kUnits) {
    if (bytes < factor) continue;
    if (bytes % factor == 0) return fmt::format("{} {}", bytes / factor, name);
    return fmt::format("{:.1f} {}", static_cast<double>(bytes) / static_cast<double>(factor), name);
  }
  return fmt::format("{} B", bytes);
}

std::string format_duration(Duration duration) {
  const std::int64_t ms = duration.count() / 1000;
  if (ms < 10'000)
    return ms % 1000 == 0 ? fmt::format("{} s", ms / 1000)
           : ms < 1000    ? fmt::format("{} ms", ms)
                          : fmt::format("{:.1f} s", static_cast<double>(ms) / 1000);
  const std::int64_t s = ms / 1000;
  if (s < 60) return fmt::format("{} s", s);
  if (s < 3600) return s % 60 == 0 ? fmt::format("{} min", s / 60) : fmt::format("{} min {} s", s / 60, s % 60);
  if (s < 86'400) return s % 3600 / 60 == 0 ? fmt::format("{} h", s / 3600) : fmt::format("{} h {} min", s / 3600, s % 3600 / 60);
  return fmt::format("{} d {} h", s / 86'400, s % 86'400 / 3600);
}

std::string format_count(std::uint64_t count) {
  std::string digits = std::to_string(count);
  for (std::size_t at = digits.size(); at > 3;) {
    at -= 3;
    digits.insert(at, 1, ',');
  }
  return digits;
}

}  // namespace luge
