#include "destination/duckdb/column_type.h"

#include <array>
#include <cmath>
#include <cstdio>
#include <string_view>

#include "destination/duckdb/sql_text.h"

namespace luge {

std::string duckdb_type_name(const ValueType& type) {
  switch (type.kind) {
    case ValueKind::boolean: return "BOOLEAN";
    case ValueKind::int16: return "SMALLINT";
    case ValueKind::int32: return "INTEGER";
    case ValueKind::int64: return "BIGINT";
    case ValueKind::uint32: return "UINTEGER";
    case ValueKind::uint64: return "UBIGINT";
    case ValueKind::float32: return "FLOAT";
    case ValueKind::float64: return "DOUBLE";
    case ValueKind::decimal: return "DECIMAL(" + std::to_string(type.precision) + "," + std::to_string(type.scale) + ")";
    case ValueKind::text: return "VARCHAR";
    case ValueKind::json: return "JSON";
    case ValueKind::binary: return "BLOB";
    case ValueKind::date: return "DATE";
    case ValueKind::time: return "TIME";
    case ValueKind::time_tz: return "TIMETZ";
    case ValueKind::timestamp: return "TIMESTAMP";
    case ValueKind::timestamp_tz: return "TIMESTAMPTZ";
    case ValueKind::interval: return "INTERVAL";
    case ValueKind::uuid: return "UUID";
    case ValueKind::list: return duckdb_type_name(*type.element) + "[]";
  }
  return "VARCHAR";
}

LogicalType duckdb_logical_type_of(const ValueType& type) {
  const auto plain = [](duckdb_type id) { return LogicalType(duckdb_create_logical_type(id)); };
  switch (type.kind) {
    case ValueKind::boolean: return plain(DUCKDB_TYPE_BOOLEAN);
    case ValueKind::int16: return plain(DUCKDB_TYPE_SMALLINT);
    case ValueKind::int32: return plain(DUCKDB_TYPE_INTEGER);
    case ValueKind::int64: return plain(DUCKDB_TYPE_BIGINT);
    case ValueKind::uint32: return plain(DUCKDB_TYPE_UINTEGER);
    case ValueKind::uint64: return plain(DUCKDB_TYPE_UBIGINT);
    case ValueKind::float32: return plain(DUCKDB_TYPE_FLOAT);
    case ValueKind::float64: return plain(DUCKDB_TYPE_DOUBLE);
    case ValueKind::decimal: return LogicalType(duckdb_create_decimal_type(type.precision, type.scale));
    case ValueKind::text: return plain(DUCKDB_TYPE_VARCHAR);
    case ValueKind::json: {
      LogicalType json = plain(DUCKDB_TYPE_VARCHAR);
      duckdb_logical_type_set_alias(json.get(), "JSON");  // with it no cast and no validation happens: bytes stay as they are
      return json;
    }
    case ValueKind::binary: return plain(DUCKDB_TYPE_BLOB);
    case ValueKind::date: return plain(DUCKDB_TYPE_DATE);
    case ValueKind::time: return plain(DUCKDB_TYPE_TIME);
    case ValueKind::time_tz: return plain(DUCKDB_TYPE_TIME_TZ);
    case ValueKind::timestamp: return plain(DUCKDB_TYPE_TIMESTAMP);
    case ValueKind::timestamp_tz: return plain(DUCKDB_TYPE_TIMESTAMP_TZ);
    case ValueKind::interval: return plain(DUCKDB_TYPE_INTERVAL);
    case ValueKind::uuid: return plain(DUCKDB_TYPE_UUID);
    case ValueKind::list: {
      const LogicalType element = duckdb_logical_type_of(*type.element);
      return LogicalType(duckdb_create_list_type(element.get()));
    }
  }
  return plain(DUCKDB_TYPE_VARCHAR);
}

namespace {

/// Digits of the widest value; 0: not an integer type.
int integer_digits(ValueKind kind) {
  switch (kind) {
    case ValueKind::int16: return 5;
    case ValueKind::int32: return 10;
    case ValueKind::uint32: return 10;
    case ValueKind::int64: return 19;
    case ValueKind::uint64: return 20;
    default: return 0;
  }
}

/// Types whose DuckDB text is PostgreSQL's text for every value.
bool text_is_the_same(const ValueType& type) {
  return integer_digits(type.kind) > 0 || type.kind == ValueKind::decimal || type.kind == ValueKind::uuid || type.kind == ValueKind::json;
}

}  // namespace

bool widens(const ValueType& from, const ValueType& to) {
  if (from == to) return true;
  if (to.kind == ValueKind::text) return text_is_the_same(from);
  if (to.kind == ValueKind::decimal) {
    const int whole_digits = to.precision - to.scale;
    if (from.kind == ValueKind::decimal) return from.precision - from.scale <= whole_digits && from.scale <= to.scale;
    return integer_digits(from.kind) > 0 && integer_digits(from.kind) <= whole_digits;
  }
  switch (from.kind) {
    case ValueKind::int16: return to.kind == ValueKind::int32 || to.kind == ValueKind::int64;
    case ValueKind::int32:
    case ValueKind::uint32: return to.kind == ValueKind::int64;
    case ValueKind::float32: return to.kind == ValueKind::float64;
    default: return false;
  }
}

namespace {

std::string decimal_text(const std::uint8_t* bytes, std::uint8_t scale) {
  __int128 value = 0;
  std::memcpy(&value, bytes, sizeof value);
  const bool negative = value < 0;
  auto rest = negative ? -static_cast<unsigned __int128>(value) : static_cast<unsigned __int128>(value);
  std::string reversed;
  while (rest != 0 || reversed.size() <= scale) {
    if (scale > 0 && reversed.size() == scale) reversed += '.';
    reversed += static_cast<char>('0' + static_cast<int>(rest % 10));
    rest /= 10;
    if (reversed.size() > scale && rest == 0) break;
  }
  if (negative) reversed += '-';
  return {reversed.rbegin(), reversed.rend()};
}

std::string hex_text(const std::uint8_t* bytes, std::size_t count) {
  static constexpr std::string_view kDigits = "0123456789abcdef";
  std::string out;
  for (std::size_t i = 0; i < count; ++i) {
    out += kDigits[bytes[i] >> 4];
    out += kDigits[bytes[i] & 15];
  }
  return out;
}

std::string float_text(double value, int digits) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value > 0 ? "inf" : "-inf";
  std::array<char, 40> text{};
  std::snprintf(text.data(), text.size(), "%.*g", digits, value);
  return text.data();
}

std::string clock_text(std::int64_t micros) {
  std::array<char, 40> text{};
  const std::int64_t seconds = micros / 1'000'000;
  std::snprintf(text.data(), text.size(), "%02d:%02d:%02d.%06d", static_cast<int>(seconds / 3600), static_cast<int>(seconds / 60 % 60),
                static_cast<int>(seconds % 60), static_cast<int>(micros % 1'000'000));
  return text.data();
}

std::string offset_text(std::int32_t seconds_east) {
  std::array<char, 40> text{};
  const int magnitude = std::abs(seconds_east);
  std::snprintf(text.data(), text.size(), "%c%02d:%02d:%02d", seconds_east < 0 ? '-' : '+', magnitude / 3600, magnitude / 60 % 60, magnitude % 60);
  return text.data();
}

/// The text in quotes, cast to the column's type.
std::string cast_text(std::string_view text, const ValueType& type) { return duckdb_literal(text) + "::" + duckdb_type_name(type); }

std::string timestamp_constant(std::int64_t micros, const ValueType& type, const char* maker) {
  if (micros == kTimestampInfinity) return cast_text("infinity", type);
  if (micros == -kTimestampInfinity) return cast_text("-infinity", type);
  return std::string(maker) + "(" + std::to_string(micros) + "::BIGINT)";
}

}  // namespace

std::string duckdb_constant(const ArrowColumn& column, std::size_t row) {
  const ValueType& type = column.type;
  if (column.is_null(row)) return "NULL::" + duckdb_type_name(type);
  const std::uint8_t* data = column.values.data();
  switch (type.kind) {
    case ValueKind::boolean: return bit_at(data, row) ? "true" : "false";
    case ValueKind::int16: return cast_text(std::to_string(column.values.as<std::int16_t>()[row]), type);
    case ValueKind::int32: return cast_text(std::to_string(column.values.as<std::int32_t>()[row]), type);
    case ValueKind::int64: return cast_text(std::to_string(column.values.as<std::int64_t>()[row]), type);
    case ValueKind::uint32: return cast_text(std::to_string(column.values.as<std::uint32_t>()[row]), type);
    case ValueKind::uint64: return cast_text(std::to_string(column.values.as<std::uint64_t>()[row]), type);
    case ValueKind::float32: return cast_text(float_text(static_cast<double>(column.values.as<float>()[row]), 9), type);
    case ValueKind::float64: return cast_text(float_text(column.values.as<double>()[row], 17), type);
    case ValueKind::decimal: return cast_text(decimal_text(data + row * 16, type.scale), type);
    case ValueKind::text:
    case ValueKind::json:
    case ValueKind::binary: {
      const auto* offsets = column.offsets.as<std::int32_t>();
      const auto* begin = data + offsets[row];
      const auto length = static_cast<std::size_t>(offsets[row + 1] - offsets[row]);
      if (type.kind == ValueKind::binary) return "unhex('" + hex_text(begin, length) + "')";
      return cast_text({reinterpret_cast<const char*>(begin), length}, type);
    }
    case ValueKind::date: {
      const std::int32_t days = column.values.as<std::int32_t>()[row];
      if (days == kDateInfinity) return cast_text("infinity", type);
      if (days == -kDateInfinity) return cast_text("-infinity", type);
      return "(DATE '1970-01-01' + (" + std::to_string(days) + "))";
    }
    case ValueKind::time: return cast_text(clock_text(column.values.as<std::int64_t>()[row]), type);
    case ValueKind::time_tz:
      return cast_text(clock_text(column.children[0].values.as<std::int64_t>()[row]) + offset_text(column.children[1].values.as<std::int32_t>()[row]),
                       type);
    case ValueKind::timestamp: return timestamp_constant(column.values.as<std::int64_t>()[row], type, "make_timestamp");
    case ValueKind::timestamp_tz: return timestamp_constant(column.values.as<std::int64_t>()[row], type, "make_timestamptz");
    case ValueKind::interval: {
      std::int32_t months = 0;
      std::int32_t days = 0;
      std::int64_t nanos = 0;
      std::memcpy(&months, data + row * 16, 4);
      std::memcpy(&days, data + row * 16 + 4, 4);
      std::memcpy(&nanos, data + row * 16 + 8, 8);
      return "(to_months(" + std::to_string(months) + ") + to_days(" + std::to_string(days) + ") + to_microseconds(" + std::to_string(nanos / 1000) +
             "))";
    }
    case ValueKind::uuid: {
      const std::string digits = hex_text(data + row * 16, 16);
      std::string text;
      for (std::size_t i = 0; i < digits.size(); ++i) {
        if (i == 8 || i == 12 || i == 16 || i == 20) text += '-';
        text += digits[i];
      }
      return cast_text(text, type);
    }
    case ValueKind::list: {
      const auto* offsets = column.offsets.as<std::int32_t>();
      std::string out = "[";
      for (auto i = offsets[row]; i < offsets[row + 1]; ++i) {
        if (i > offsets[row]) out += ", ";
        out += duckdb_constant(column.children[0], static_cast<std::size_t>(i));
      }
      return out + "]::" + duckdb_type_name(type);
    }
  }
  return "NULL";
}

}  // namespace luge
