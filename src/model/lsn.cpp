#include "model/lsn.h"

#include <array>
#include <charconv>
#include <cstdio>

namespace luge {

namespace {

std::optional<std::uint64_t> parse_half(std::string_view text) {
  if (text.empty() || text.size() > 8) return std::nullopt;
  std::uint64_t half = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), half, 16);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return half;
}

}  // namespace

std::optional<Lsn> Lsn::parse(std::string_view text) {
  const auto slash = text.find('/');
  if (slash == std::string_view::npos) return std::nullopt;
  const auto high = parse_half(text.substr(0, slash));
  const auto low = parse_half(text.substr(slash + 1));
  if (!high || !low) return std::nullopt;
  return Lsn{(*high << 32) | *low};
}

std::string to_string(Lsn lsn) {
  std::array<char, 20> text{};
  const int length =
      std::snprintf(text.data(), text.size(), "%X/%X", static_cast<unsigned>(lsn.value >> 32), static_cast<unsigned>(lsn.value & 0xFFFFFFFFU));
  return {text.data(), static_cast<std::size_t>(length)};
}

Lsn reachable_position(Lsn insert_position) {
  constexpr std::uint64_t kPageBytes = 8192;
  constexpr std::uint64_t kShortHeaderBytes = 24;
  constexpr std::uint64_t kLongHeaderBytes = 40;
  const std::uint64_t offset = insert_position.value % kPageBytes;
  if (offset == kShortHeaderBytes || offset == kLongHeaderBytes) return {insert_position.value - offset};
  return insert_position;
}

}  // namespace luge
