#include "model/type_mapping.h"

#include <memory>
#include <optional>
#include <utility>

namespace luge {

namespace {

constexpr Oid kInt2vector = 22, kOidvector = 30;
constexpr int kDecimalDigits = 38;

ValueType plain(ValueKind kind) { return {kind, 0, 0, nullptr}; }

/// numeric.c: numeric_typmod_precision, numeric_typmod_scale (negative since 15). Scale outside 0..precision widens the
/// decimal to one that holds every value: (5,-2) -> (7,0), (3,5) -> (5,5).
ValueType map_numeric(std::int32_t typmod) {
  constexpr std::int32_t kHeader = 4;
  if (typmod < kHeader) return plain(ValueKind::text);
  int precision = ((typmod - kHeader) >> 16) & 0xFFFF;
  int scale = (((typmod - kHeader) & 0x7FF) ^ 1024) - 1024;
  if (scale < 0) {
    precision -= scale;
    scale = 0;
  } else if (scale > precision) {
    precision = scale;
  }
  if (precision < 1 || precision > kDecimalDigits) return plain(ValueKind::text);
  return {ValueKind::decimal, static_cast<std::uint8_t>(precision), static_cast<std::uint8_t>(scale), nullptr};
}

/// Types that the table gives a form of their own, text forms included; nullopt: "anything else".
std::optional<ValueType> map_known(const PgType& type, std::int32_t typmod) {
  switch (type.oid) {
    case pg_oid::kBool: return plain(ValueKind::boolean);
    case pg_oid::kInt2: return plain(ValueKind::int16);
    case pg_oid::kInt4: return plain(ValueKind::int32);
    case pg_oid::kInt8: return plain(ValueKind::int64);
    case pg_oid::kOid:
    case pg_oid::kXid:
    case pg_oid::kCid: return plain(ValueKind::uint32);
    case pg_oid::kXid8: return plain(ValueKind::uint64);
    case pg_oid::kFloat4: return plain(ValueKind::float32);
    case pg_oid::kFloat8: return plain(ValueKind::float64);
    case pg_oid::kNumeric: return map_numeric(typmod);
    case pg_oid::kBytea: return plain(ValueKind::binary);
    case pg_oid::kDate: return plain(ValueKind::date);
    case pg_oid::kTime: return plain(ValueKind::time);
    case pg_oid::kTimetz: return plain(ValueKind::time_tz);
    case pg_oid::kTimestamp: return plain(ValueKind::timestamp);
    case pg_oid::kTimestamptz: return plain(ValueKind::timestamp_tz);
    case pg_oid::kInterval: return plain(ValueKind::interval);
    case pg_oid::kUuid: return plain(ValueKind::uuid);
    case pg_oid::kJson:
    case pg_oid::kJsonb: return plain(ValueKind::json);
    case pg_oid::kMoney:
    case pg_oid::kText:
    case pg_oid::kVarchar:
    case pg_oid::kBpchar:
    case pg_oid::kName:
    case pg_oid::kXml:
    case pg_oid::kChar: return plain(ValueKind::text);
    default: break;
  }
  if (type.kind == 'e' || (type.kind == 'b' && type.name == "citext")) return plain(ValueKind::text);
  return std::nullopt;
}

}  // namespace

ValueType map_type(const PgType& type, std::int32_t typmod, const ColumnOptions& options) {
  if (options.as_text) return plain(ValueKind::text);
  const PgType& base = type.resolved();
  const std::int32_t base_typmod = resolved_typmod(type, typmod);
  if (const auto known = map_known(base, base_typmod)) return *known;
  // The old vector types count from 0 and print without braces; arrays of what has no form of its own stay text as well.
  if (base.is_array && base.element && base.oid != kInt2vector && base.oid != kOidvector) {
    if (auto element = map_known(base.element->resolved(), resolved_typmod(*base.element, base_typmod))) {
      return {ValueKind::list, 0, 0, std::make_shared<const ValueType>(*std::move(element))};
    }
  }
  return plain(ValueKind::text);
}

}  // namespace luge
