#include "destination/snowflake/encode/snowflake_type.h"

#include "base/ensure.h"

namespace luge {

std::string snowflake_type(const ValueType& type) {
  constexpr unsigned kLargestScale = 37;  // Snowflake, numeric data types
  switch (type.kind) {
    case ValueKind::boolean: return "BOOLEAN";
    case ValueKind::int16:
    case ValueKind::int32:
    case ValueKind::int64:
    case ValueKind::uint32:
    case ValueKind::uint64: return "NUMBER(38,0)";
    case ValueKind::float32:
    case ValueKind::float64: return "FLOAT";
    case ValueKind::decimal:
      if (type.scale > kLargestScale) return "VARCHAR";
      return "NUMBER(" + std::to_string(type.precision) + "," + std::to_string(type.scale) + ")";
    case ValueKind::text:
    case ValueKind::time_tz:
    case ValueKind::interval: return "VARCHAR";
    case ValueKind::uuid: return "VARCHAR(36)";
    case ValueKind::json: return "VARIANT";
    case ValueKind::binary: return "BINARY";
    case ValueKind::date: return "DATE";
    case ValueKind::time: return "TIME(6)";
    case ValueKind::timestamp: return "TIMESTAMP_NTZ(6)";
    case ValueKind::timestamp_tz: return "TIMESTAMP_TZ(6)";
    case ValueKind::list: return "ARRAY";
  }
  ensure_failed("value kind", "unknown kind of value", __FILE__, __LINE__);
}

}  // namespace luge
