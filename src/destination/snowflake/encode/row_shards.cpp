#include "destination/snowflake/encode/row_shards.h"

#include <cstring>

#include "base/ensure.h"

namespace luge {

namespace {

constexpr std::uint64_t kSeed = 0x6C75676520736C65ULL;
constexpr std::uint64_t kHashOfNull = 0x9E3779B97F4A7C15ULL;

/// The finaliser of MurmurHash3 (public domain): every bit of the input reaches every bit of the output.
std::uint64_t mixed(std::uint64_t hash, std::uint64_t word) {
  std::uint64_t x = hash ^ word;
  x ^= x >> 33;
  x *= 0xFF51AFD7ED558CCDULL;
  x ^= x >> 33;
  x *= 0xC4CEB9FE1A85EC53ULL;
  x ^= x >> 33;
  return x + hash;
}

std::uint64_t mixed_bytes(std::uint64_t hash, const std::uint8_t* bytes, std::size_t count) {
  hash = mixed(hash, count);
  for (; count > 0; bytes += 8) {
    const std::size_t taken = count < 8 ? count : 8;
    std::uint64_t word = 0;
    std::memcpy(&word, bytes, taken);
    hash = mixed(hash, word);
    count -= taken;
  }
  return hash;
}

template <class T>
std::uint64_t word_at(const std::uint8_t* values, std::size_t row) {
  T value;
  std::memcpy(&value, values + row * sizeof(T), sizeof(T));
  return static_cast<std::uint64_t>(value);  // the sign is extended: an integer's width does not matter
}

std::uint64_t mixed_value(std::uint64_t hash, const ArrowColumn& column, std::size_t row) {
  if (column.is_null(row)) return mixed(hash, kHashOfNull);
  const std::uint8_t* values = column.values.data();
  switch (column.type.kind) {
    case ValueKind::boolean: return mixed(hash, bit_at(values, row) ? 1 : 0);
    case ValueKind::int16: return mixed(hash, word_at<std::int16_t>(values, row));
    case ValueKind::int32:
    case ValueKind::date: return mixed(hash, word_at<std::int32_t>(values, row));
    case ValueKind::uint32:
    case ValueKind::float32: return mixed(hash, word_at<std::uint32_t>(values, row));
    case ValueKind::int64:
    case ValueKind::uint64:
    case ValueKind::float64:
    case ValueKind::time:
    case ValueKind::timestamp:
    case ValueKind::timestamp_tz: return mixed(hash, word_at<std::uint64_t>(values, row));
    case ValueKind::decimal:
    case ValueKind::interval:
    case ValueKind::uuid: return mixed_bytes(hash, values + row * 16, 16);
    case ValueKind::time_tz: return mixed_value(mixed_value(hash, column.children[0], row), column.children[1], row);
    case ValueKind::text:
    case ValueKind::json:
    case ValueKind::binary: {
      const std::int32_t* offsets = column.offsets.as<std::int32_t>() + row;
      return mixed_bytes(hash, values + offsets[0], static_cast<std::size_t>(offsets[1] - offsets[0]));
    }
    case ValueKind::list: {
      const std::int32_t* offsets = column.offsets.as<std::int32_t>() + row;
      hash = mixed(hash, static_cast<std::uint64_t>(offsets[1] - offsets[0]));
      for (auto i = offsets[0]; i < offsets[1]; ++i) hash = mixed_value(hash, column.children[0], static_cast<std::size_t>(i));
      return hash;
    }
  }
  ensure_failed("value kind", "unknown kind of value", __FILE__, __LINE__);
}

}  // namespace

std::vector<std::uint16_t> row_shards(const TableChunk& chunk, std::uint16_t shards) {
  ENSURE(shards > 0, "a table has a shard at least");
  std::vector<std::uint16_t> result(chunk.rows, 0);
  if (shards == 1 || chunk.schema->keyless()) return result;
  for (std::uint32_t row = 0; row < chunk.rows; ++row) {
    if (row > 0 && !chunk.ops.empty() && chunk.ops[row - 1] == RowOp::old_image) {
      result[row] = result[row - 1];
      continue;
    }
    std::uint64_t hash = kSeed;
    for (const std::uint16_t key : chunk.schema->key_columns) hash = mixed_value(hash, chunk.columns[key], row);
    result[row] = static_cast<std::uint16_t>((hash >> 32) * shards >> 32);
  }
  return result;
}

}  // namespace luge
