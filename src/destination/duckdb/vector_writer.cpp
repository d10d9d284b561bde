#include "destination/duckdb/vector_writer.h"

#include <cstdint>
#include <cstring>

#include "base/ensure.h"

namespace luge {

namespace {

constexpr std::uint32_t kInlinedBytes = 12;

duckdb_string_t borrowed_string(const char* bytes, std::uint32_t length) {
  duckdb_string_t out{};
  out.value.inlined.length = length;
  if (length <= kInlinedBytes) {
    if (length > 0) std::memcpy(out.value.inlined.inlined, bytes, length);
  } else {
    std::memcpy(out.value.pointer.prefix, bytes, sizeof out.value.pointer.prefix);
    out.value.pointer.ptr = const_cast<char*>(bytes);  // DuckDB reads only
  }
  return out;
}

template <class T>
T* at_row(duckdb_vector out, std::size_t at) {
  return static_cast<T*>(duckdb_vector_get_data(out)) + at;
}

template <class Narrow>
void write_decimals(const std::uint8_t* values, std::size_t count, Narrow* out) {
  for (std::size_t i = 0; i < count; ++i) {
    std::int64_t low = 0;
    std::memcpy(&low, values + i * 16, sizeof low);
    out[i] = static_cast<Narrow>(low);
  }
}

std::uint64_t big_endian(const std::uint8_t* bytes) {
  std::uint64_t value = 0;
  std::memcpy(&value, bytes, sizeof value);
  return __builtin_bswap64(value);
}

void write_validity(const ArrowColumn& column, std::size_t first, std::size_t count, duckdb_vector out, std::size_t at) {
  if (column.null_count == 0 || column.validity.empty()) return;
  const std::uint8_t* bits = column.validity.data();
  std::uint64_t* validity = nullptr;
  for (std::size_t i = 0; i < count; ++i) {
    if (bit_at(bits, first + i)) continue;
    if (validity == nullptr) {
      duckdb_vector_ensure_validity_writable(out);
      validity = duckdb_vector_get_validity(out);
    }
    validity[(at + i) >> 6] &= ~(std::uint64_t{1} << ((at + i) & 63));
  }
}

void write_lists(const ArrowColumn& column, std::size_t first, std::size_t count, duckdb_vector out, std::size_t at) {
  const auto* offsets = column.offsets.as<std::int32_t>() + first;
  const auto begin = static_cast<std::size_t>(offsets[0]);
  const auto elements = static_cast<std::size_t>(offsets[count] - offsets[0]);
  const idx_t used = at == 0 ? 0 : duckdb_list_vector_get_size(out);
  ENSURE(duckdb_list_vector_reserve(out, used + elements) == DuckDBSuccess, "room for list elements");
  auto* entries = at_row<duckdb_list_entry>(out, at);
  for (std::size_t i = 0; i < count; ++i) {
    entries[i].offset = used + static_cast<std::size_t>(offsets[i]) - begin;
    entries[i].length = static_cast<std::size_t>(offsets[i + 1] - offsets[i]);
  }
  write_values(column.children[0], begin, elements, duckdb_list_vector_get_child(out), used);
  ENSURE(duckdb_list_vector_set_size(out, used + elements) == DuckDBSuccess, "size of a list vector");
}

}  // namespace

void write_string(const char* bytes, std::size_t length, duckdb_vector out, std::size_t at) {
  *at_row<duckdb_string_t>(out, at) = borrowed_string(bytes, static_cast<std::uint32_t>(length));
}

void write_nulls(std::size_t count, duckdb_vector out, std::size_t at) {
  duckdb_vector_ensure_validity_writable(out);
  std::uint64_t* validity = duckdb_vector_get_validity(out);
  for (std::size_t i = at; i < at + count; ++i) validity[i >> 6] &= ~(std::uint64_t{1} << (i & 63));
}

void write_values(const ArrowColumn& column, std::size_t first, std::size_t count, duckdb_vector out, std::size_t at) {
  if (count == 0) return;
  const std::uint8_t* values = column.values.data();
  const auto copy = [&](std::size_t width) {
    std::memcpy(static_cast<std::uint8_t*>(duckdb_vector_get_data(out)) + at * width, values + first * width, count * width);
  };
  switch (column.type.kind) {
    case ValueKind::boolean: {
      bool* target = at_row<bool>(out, at);
      for (std::size_t i = 0; i < count; ++i) target[i] = bit_at(values, first + i);
      break;
    }
    case ValueKind::int16: copy(2); break;
    case ValueKind::int32:
    case ValueKind::uint32:
    case ValueKind::float32:
    case ValueKind::date: copy(4); break;  // infinities of dates are the same numbers in DuckDB
    case ValueKind::int64:
    case ValueKind::uint64:
    case ValueKind::float64:
    case ValueKind::time:
    case ValueKind::timestamp:
    case ValueKind::timestamp_tz: copy(8); break;  // and those of timestamps
    case ValueKind::decimal:
      if (column.type.precision <= 4) {
        write_decimals(values + first * 16, count, at_row<std::int16_t>(out, at));
      } else if (column.type.precision <= 9) {
        write_decimals(values + first * 16, count, at_row<std::int32_t>(out, at));
      } else if (column.type.precision <= 18) {
        write_decimals(values + first * 16, count, at_row<std::int64_t>(out, at));
      } else {
        copy(16);
      }
      break;
    case ValueKind::text:
    case ValueKind::json:
    case ValueKind::binary: {
      const auto* offsets = column.offsets.as<std::int32_t>() + first;
      const auto* bytes = reinterpret_cast<const char*>(values);
      auto* target = at_row<duckdb_string_t>(out, at);
      for (std::size_t i = 0; i < count; ++i)
        target[i] = borrowed_string(bytes + offsets[i], static_cast<std::uint32_t>(offsets[i + 1] - offsets[i]));
      break;
    }
    case ValueKind::time_tz: {
      const auto* micros = column.children[0].values.as<std::int64_t>() + first;
      const auto* seconds_east = column.children[1].values.as<std::int32_t>() + first;
      auto* target = at_row<duckdb_time_tz>(out, at);
      for (std::size_t i = 0; i < count; ++i) target[i] = duckdb_create_time_tz(micros[i], seconds_east[i]);
      break;
    }
    case ValueKind::interval: {
      auto* target = at_row<duckdb_interval>(out, at);
      for (std::size_t i = 0; i < count; ++i) {
        const std::uint8_t* source = values + (first + i) * 16;
        std::int64_t nanos = 0;
        std::memcpy(&target[i].months, source, 4);
        std::memcpy(&target[i].days, source + 4, 4);
        std::memcpy(&nanos, source + 8, 8);
        target[i].micros = nanos / 1000;
      }
      break;
    }
    case ValueKind::uuid: {
      auto* target = at_row<duckdb_hugeint>(out, at);
      for (std::size_t i = 0; i < count; ++i) {
        const std::uint8_t* source = values + (first + i) * 16;
        target[i].upper = static_cast<std::int64_t>(big_endian(source) ^ (std::uint64_t{1} << 63));  // so that signed order is byte order
        target[i].lower = big_endian(source + 8);
      }
      break;
    }
    case ValueKind::list: write_lists(column, first, count, out, at); break;
  }
  write_validity(column, first, count, out, at);
}

}  // namespace luge
