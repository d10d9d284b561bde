#include "destination/duckdb/value_bytes.h"

#include <cmath>
#include <cstring>
#include <limits>

namespace luge {

namespace {

template <class Float>
void append_float(const ArrowColumn& column, std::size_t row, Sameness sameness, Buffer& out) {
  Float value = column.values.as<Float>()[row];
  if (sameness != Sameness::exact) {
    if (value == 0) value = 0;
    if (std::isnan(value)) value = std::numeric_limits<Float>::quiet_NaN();
  }
  out.push(value);
}

/// DuckDB (interval_t::Normalize) and PostgreSQL (interval_cmp_value) compare intervals as if months had 30 days and days 24 hours.
void append_interval(const std::uint8_t* value, Sameness sameness, Buffer& out) {
  if (sameness != Sameness::as_duckdb_compares) {
    out.append(value, 16);
    return;
  }
  std::int32_t months = 0;
  std::int32_t days = 0;
  std::int64_t nanos = 0;
  std::memcpy(&months, value, 4);
  std::memcpy(&days, value + 4, 4);
  std::memcpy(&nanos, value + 8, 8);
  constexpr std::int64_t kMicrosPerDay = 86'400'000'000;
  const __int128 micros = (static_cast<__int128>(months) * 30 + days) * kMicrosPerDay + nanos / 1000;
  out.push(micros);
}

}  // namespace

void append_value_bytes(const ArrowColumn& column, std::size_t row, Sameness sameness, Buffer& out) {
  if (column.is_null(row)) {
    out.push(std::uint8_t{0});
    return;
  }
  out.push(std::uint8_t{1});
  const std::uint8_t* values = column.values.data();
  switch (column.type.kind) {
    case ValueKind::boolean: out.push(static_cast<std::uint8_t>(bit_at(values, row))); break;
    case ValueKind::int16: out.append(values + row * 2, 2); break;
    case ValueKind::int32:
    case ValueKind::uint32:
    case ValueKind::date: out.append(values + row * 4, 4); break;
    case ValueKind::int64:
    case ValueKind::uint64:
    case ValueKind::time:
    case ValueKind::timestamp:
    case ValueKind::timestamp_tz: out.append(values + row * 8, 8); break;
    case ValueKind::float32: append_float<float>(column, row, sameness, out); break;
    case ValueKind::float64: append_float<double>(column, row, sameness, out); break;
    case ValueKind::decimal:
    case ValueKind::uuid: out.append(values + row * 16, 16); break;
    case ValueKind::interval: append_interval(values + row * 16, sameness, out); break;
    case ValueKind::time_tz:
      out.append(column.children[0].values.data() + row * 8, 8);
      out.append(column.children[1].values.data() + row * 4, 4);
      break;
    case ValueKind::text:
    case ValueKind::json:
    case ValueKind::binary: {
      const auto* offsets = column.offsets.as<std::int32_t>() + row;
      const std::int32_t length = offsets[1] - offsets[0];
      out.push(length);
      out.append(values + offsets[0], static_cast<std::size_t>(length));
      break;
    }
    case ValueKind::list: {
      const auto* offsets = column.offsets.as<std::int32_t>() + row;
      out.push(offsets[1] - offsets[0]);
      for (auto i = offsets[0]; i < offsets[1]; ++i) append_value_bytes(column.children[0], static_cast<std::size_t>(i), sameness, out);
      break;
    }
  }
}

bool has_float_twins(const ValueType& type) {
  if (type.kind == ValueKind::list) return has_float_twins(*type.element);
  return type.kind == ValueKind::float32 || type.kind == ValueKind::float64;
}

bool has_interval_twins(const ValueType& type) {
  if (type.kind == ValueKind::list) return has_interval_twins(*type.element);
  return type.kind == ValueKind::interval;
}

}  // namespace luge
