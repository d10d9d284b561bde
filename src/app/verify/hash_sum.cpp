#include "app/verify/hash_sum.h"

#include <fmt/format.h>

namespace luge {

std::optional<std::uint64_t> wrap_decimal(std::string_view decimal) {
  const bool negative = decimal.starts_with('-');
  if (negative) decimal.remove_prefix(1);
  if (decimal.empty()) return std::nullopt;
  std::uint64_t value = 0;
  for (const char c : decimal) {
    if (c < '0' || c > '9') return std::nullopt;
    value = value * 10 + static_cast<std::uint64_t>(c - '0');
  }
  return negative ? 0 - value : value;
}

std::string to_string(const HashSum& sum) { return fmt::format("{:016x}{:016x}", sum.high, sum.low); }

}  // namespace luge
