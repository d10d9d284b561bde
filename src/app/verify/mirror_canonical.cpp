#include "app/verify/canonical_sql.h"

namespace luge {

namespace {

constexpr const char* kMicrosTo2000 = "946684800000000";

std::string float_bits(const std::string& e) {
  return "CASE WHEN " + e + " = 0 THEN '0' WHEN isnan(" + e + ") THEN 'NaN' ELSE " + e + "::BIT::VARCHAR END";
}

std::string unless_infinite(const std::string& e, const std::string& finite, const std::string& middle) {
  return "CASE WHEN isfinite(" + e + ") THEN (" + finite + ")::VARCHAR WHEN " + e + " > " + middle + " THEN 'inf' ELSE '-inf' END";
}

std::string part(const char* name, const std::string& e) { return std::string("date_part('") + name + "', " + e + ")"; }

/// Names the elements of nested lists apart.
std::string list(const std::string& e, const ValueType& value, int depth);

std::string canonical(const std::string& e, const ValueType& value, int depth) {
  switch (value.kind) {
    case ValueKind::boolean: return "CASE WHEN " + e + " THEN 't' ELSE 'f' END";
    case ValueKind::int16:
    case ValueKind::int32:
    case ValueKind::int64:
    case ValueKind::uint32:
    case ValueKind::uint64:
    case ValueKind::text:
    case ValueKind::json:
    case ValueKind::uuid: return e + "::VARCHAR";
    case ValueKind::decimal:
      // DECIMAL(2,2) prints .50
      if (value.precision == value.scale) return "regexp_replace(" + e + "::VARCHAR, '^(-?)[.]', '\\1' || '0.')";
      return e + "::VARCHAR";
    case ValueKind::float32:
    case ValueKind::float64: return float_bits(e);
    case ValueKind::binary: return "md5(" + e + ")";
    case ValueKind::date: return unless_infinite(e, "date_diff('day', DATE '2000-01-01', " + e + ")", "DATE '2000-01-01'");
    case ValueKind::time: return "epoch_us(" + e + ")::VARCHAR";
    case ValueKind::time_tz: return "epoch_us(" + e + ") || 'Z' || " + part("timezone", e);
    case ValueKind::timestamp: return unless_infinite(e, "epoch_us(" + e + ") - " + kMicrosTo2000, "TIMESTAMP '2000-01-01'");
    case ValueKind::timestamp_tz: return unless_infinite(e, "epoch_us(" + e + ") - " + kMicrosTo2000, "TIMESTAMPTZ '2000-01-01 00:00:00+00'");
    case ValueKind::interval:
      return "(" + part("year", e) + " * 12 + " + part("month", e) + ") || '/' || " + part("day", e) + " || '/' || (" + part("hour", e) +
             " * 3600000000 + " + part("minute", e) + " * 60000000 + " + part("microsecond", e) + ")";
    case ValueKind::list: return list(e, value, depth);
  }
  return e + "::VARCHAR";
}

std::string list(const std::string& e, const ValueType& value, int depth) {
  const std::string name = "e" + std::to_string(depth);
  const std::string element = "CASE WHEN " + name + " IS NULL THEN NULL ELSE " + canonical(name, *value.element, depth + 1) + " END";
  return "'A' || len(" + e + ") || '[' || array_to_string(list_transform(" + e + ", lambda " + name + ": " + framed(element, kMirrorBytes) +
         "), '') || ']'";
}

}  // namespace

std::string mirror_canonical(const std::string& expression, const ValueType& value) {
  return "CASE WHEN " + expression + " IS NULL THEN NULL ELSE " + canonical(expression, value, 0) + " END";
}

}  // namespace luge
