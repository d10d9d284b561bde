#include "app/verify/canonical_sql.h"
#include "postgres/sql_quoting.h"

namespace luge {

namespace {

/// `bytes` of a send function's output from `first`, as a signed integer.
std::string integer_at(const std::string& sent, int first, int bytes) {
  const std::string hex = "substr(encode(" + sent + ", 'hex'), " + std::to_string(first * 2 + 1) + ", " + std::to_string(bytes * 2) + ")";
  return bytes == 8 ? "('x' || " + hex + ")::bit(64)::bigint" : "('x' || " + hex + ")::bit(32)::int";
}

std::string float_bits(const std::string& e, const std::string& type, const std::string& send, int bits) {
  return "CASE WHEN " + e + " = 0 THEN '0' WHEN " + e + " = 'NaN'::" + type + " THEN 'NaN' ELSE ('x' || encode(" + send + "(" + e +
         "), 'hex'))::bit(" + std::to_string(bits) + ")::text END";
}

/// Through all domains, so that functions of the base type apply.
std::string to_base(const std::string& expression, const PgType& type) {
  if (!type.base) return expression;
  const PgType& base = type.resolved();
  return "(" + expression + ")::" + quote_qualified(base.schema, base.name);
}

std::string timestamp(const std::string& e, const std::string& send) {
  return "CASE WHEN isfinite(" + e + ") THEN (" + integer_at(send + "(" + e + ")", 0, 8) + ")::text WHEN " + e +
         " > '2000-01-01' THEN 'inf' ELSE '-inf' END";
}

std::string list(const std::string& e, const PgType& array, const ValueType& value) {
  const std::string element = source_canonical("u.e", *array.element, *value.element);
  return "(SELECT 'A' || count(*) || '[' || coalesce(string_agg(" + framed(element, kSourceBytes) + ", '' ORDER BY u.o), '') || ']' FROM unnest(" +
         e + ") WITH ORDINALITY AS u(e, o))";
}

std::string not_null(const std::string& e, const PgType& type, const ValueType& value) {
  switch (value.kind) {
    case ValueKind::boolean: return "CASE WHEN " + e + " THEN 't' ELSE 'f' END";
    case ValueKind::int16:
    case ValueKind::int32:
    case ValueKind::int64:
    case ValueKind::uint32:
    case ValueKind::uint64:
    case ValueKind::decimal:
    case ValueKind::json:
    case ValueKind::uuid: return "(" + e + ")::text";
    case ValueKind::float32: return float_bits(e, "float4", "float4send", 32);
    case ValueKind::float64: return float_bits(e, "float8", "float8send", 64);
    case ValueKind::text: return "format('%s', " + e + ")";  // the type's own output: a cast to text changes inet and char(n)
    case ValueKind::binary: return "md5(" + e + ")";
    case ValueKind::date:
      return "CASE WHEN isfinite(" + e + ") THEN (" + e + " - date '2000-01-01')::text WHEN " + e + " > '2000-01-01' THEN 'inf' ELSE '-inf' END";
    case ValueKind::time: return "(" + integer_at("time_send(" + e + ")", 0, 8) + ")::text";
    case ValueKind::time_tz: return integer_at("timetz_send(" + e + ")", 0, 8) + " || 'Z' || -(" + integer_at("timetz_send(" + e + ")", 8, 4) + ")";
    case ValueKind::timestamp: return timestamp(e, "timestamp_send");
    case ValueKind::timestamp_tz: return timestamp(e, "timestamptz_send");
    case ValueKind::interval:
      return integer_at("interval_send(" + e + ")", 12, 4) + " || '/' || " + integer_at("interval_send(" + e + ")", 8, 4) + " || '/' || " +
             integer_at("interval_send(" + e + ")", 0, 8);
    case ValueKind::list: return list(e, type.resolved(), value);
  }
  return "format('%s', " + e + ")";
}

}  // namespace

std::string source_canonical(const std::string& expression, const PgType& type, const ValueType& value, MirrorKind mirror) {
  const std::string base = value.kind == ValueKind::text ? expression : to_base(expression, type);
  const auto other = mirror == MirrorKind::snowflake ? source_for_snowflake(base, value) : std::nullopt;
  // IS NULL would also be true for a composite value of NULLs, which is a value.
  return "CASE WHEN (" + expression + ") IS NOT DISTINCT FROM NULL THEN NULL ELSE " + (other ? *other : not_null(base, type, value)) + " END";
}

std::string framed(const std::string& canonical, std::string_view bytes_of) {
  const std::string bytes = std::string(bytes_of) + "(" + canonical + ")";
  return "CASE WHEN " + canonical + " IS NULL THEN 'N' WHEN " + bytes + " > 65536 THEN 'M' || md5(" + canonical + ") ELSE 'V' || " + bytes +
         " || ':' || " + canonical + " END";
}

}  // namespace luge
