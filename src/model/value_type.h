#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace luge {

/// The Arrow layouts luge builds; what a value becomes (reference page: types).
enum class ValueKind : std::uint8_t {
  boolean,       ///< bit-packed bool
  int16,
  int32,
  int64,
  uint32,
  uint64,
  float32,
  float64,
  decimal,       ///< decimal128(precision, scale), 16 bytes little-endian two's complement
  text,          ///< utf8, 32-bit offsets
  json,          ///< utf8 as text; kept apart so that a destination may choose its JSON type
  binary,        ///< 32-bit offsets
  date,          ///< date32 days since 1970-01-01; +-infinity are kDateInfinity, -kDateInfinity
  time,          ///< time64[us]; 24:00:00 is 86'400'000'000
  time_tz,       ///< struct {time64[us] time, int32 offset_seconds (east of UTC positive)}
  timestamp,     ///< timestamp[us] since 1970; +-infinity are kTimestampInfinity, -kTimestampInfinity
  timestamp_tz,  ///< timestamp[us, UTC]; the same infinities
  interval,      ///< month_day_nano: int32 months, int32 days, int64 nanoseconds
  uuid,          ///< fixed binary 16, network order
  list,          ///< list of `element`, 32-bit offsets
};

inline constexpr std::int64_t kTimestampInfinity = INT64_MAX;
inline constexpr std::int32_t kDateInfinity = INT32_MAX;

/// Type of a column's values. Cheap to copy.
struct ValueType {
  ValueKind kind = ValueKind::text;
  std::uint8_t precision = 0;  ///< decimal: 1..38
  std::uint8_t scale = 0;      ///< decimal: 0..precision
  std::shared_ptr<const ValueType> element;  ///< list only

  friend bool operator==(const ValueType& a, const ValueType& b) {
    if (a.kind != b.kind || a.precision != b.precision || a.scale != b.scale) return false;
    if (!a.element || !b.element) return !a.element && !b.element;
    return *a.element == *b.element;
  }
};

/// "decimal(18,2)", "list<int32>": for messages and for the catalog of a destination.
std::string to_string(const ValueType& type);
/// The reverse; nullopt for anything to_string does not write.
std::optional<ValueType> parse_value_type(std::string_view text);

/// Bytes of one value in the data buffer; 0: not fixed (boolean is a bit, the others have offsets or children).
std::size_t value_width(ValueKind kind);
/// text, json, binary, list: int32 offsets.
bool has_offsets(ValueKind kind);

}  // namespace luge
