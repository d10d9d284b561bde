#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace luge {

/// Rows of a table as a multiset: how many, and the sums of the two halves of each row's MD5 modulo 2^64. Independent of order;
/// equal for equal tables, and different for others but for one in 2^128.
struct HashSum {
  std::uint64_t rows = 0;
  std::uint64_t high = 0;
  std::uint64_t low = 0;
  friend bool operator==(const HashSum&, const HashSum&) = default;
};

/// A decimal of any length and sign modulo 2^64: sums come as numeric or HUGEINT, of signed or unsigned halves. nullopt: no integer.
std::optional<std::uint64_t> wrap_decimal(std::string_view decimal);

/// 32 hexadecimal digits.
std::string to_string(const HashSum& sum);

}  // namespace luge
