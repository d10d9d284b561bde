#include "app/verify/canonical_sql.h"
#include "base/ensure.h"

namespace luge {

namespace {

// Documented functions only. Snowflake's own text of a FLOAT is rounded, that of an OBJECT has its keys in any order, that of a number in a
// VARIANT depends on how it is kept; none of these is used.

/// A finite double other than 0 as <mantissa>p<exponent>, the mantissa in [2^52, 2^53). Scaling by powers of two is exact; LOG may be off by
/// one beside a power of two, which is put right. In two steps, since 2^1074 is no double.
std::string finite_text(const std::string& x) {
  const std::string up = "(52 - FLOOR(LOG(2, ABS(" + x + "))))";
  const std::string half = "FLOOR(" + up + " / 2)";
  const std::string scaled = "(ABS(" + x + ") * POWER(2, " + half + ") * POWER(2, " + up + " - " + half + "))";
  const auto integer = [](const std::string& e) { return "TO_VARCHAR((" + e + ")::NUMBER(38,0))"; };
  const auto text = [&](const std::string& mantissa, const std::string& exponent) {
    return integer(mantissa) + " || 'p' || " + integer(exponent + " - " + up);
  };
  return "IFF(" + x + " < 0, '-', '') || CASE WHEN ABS(" + x + ") < POWER(2, -1022) THEN 's' || " +
         integer("ABS(" + x + ") * POWER(2, 537) * POWER(2, 537)") + " WHEN " + scaled + " < POWER(2, 52) THEN " + text(scaled + " * 2", "-1") +
         " WHEN " + scaled + " >= POWER(2, 53) THEN " + text(scaled + " / 2", "1") + " ELSE " + text(scaled, "0") + " END";
}

std::string float_text(const std::string& x) {
  return "CASE WHEN " + x + " = 0 THEN '0' WHEN " + x + " = 'NaN'::FLOAT THEN 'NaN' WHEN " + x + " = 'inf'::FLOAT THEN 'inf' WHEN " + x +
         " = '-inf'::FLOAT THEN '-inf' ELSE " + finite_text(x) + " END";
}

/// A number of a JSON value by its value, however it is kept: integers exactly; other numbers of up to 15 digits, and those kept as
/// doubles, by the double; longer ones by their digits.
std::string number_text(const std::string& v) {
  const std::string x = "(" + v + "::FLOAT)";
  const std::string text = "TO_VARCHAR(" + v + ")";
  const std::string digits = "LENGTH(REGEXP_REPLACE(REGEXP_REPLACE(" + text + ", '[-.]', ''), '^0+|0+$', ''))";
  return "CASE WHEN TYPEOF(" + v + ") = 'INTEGER' THEN " + text + " WHEN TYPEOF(" + v + ") = 'DECIMAL' AND " + digits + " > 15 THEN REGEXP_REPLACE(" +
         text + ", '[.]?0+$', '') WHEN " + x + " = FLOOR(" + x + ") AND ABS(" + x + ") < POWER(2, 53) THEN TO_VARCHAR(" + x +
         "::NUMBER(38,0)) ELSE " + finite_text(x) + " END";
}

/// One value without what is inside it.
std::string node_text(const std::string& v) {
  return "CASE TYPEOF(" + v + ") WHEN 'OBJECT' THEN 'o' WHEN 'ARRAY' THEN 'a' WHEN 'NULL_VALUE' THEN 'z' WHEN 'BOOLEAN' THEN 'b' || TO_VARCHAR(" + v +
         ") WHEN 'VARCHAR' THEN 's' || TO_VARCHAR(" + v + ") ELSE 'n' || " + number_text(v) + " END";
}

/// The values inside, as a multiset of (path, value). How FLATTEN writes a path with unusual keys is not documented: below such a key, the own
/// key or index of a value stands for its path.
std::string json_text(const std::string& v) {
  const std::string place =
      "IFF(REGEXP_LIKE(f.PATH, '([A-Za-z_][A-Za-z0-9_]*)?([.][A-Za-z_][A-Za-z0-9_]*|[[][0-9]+[]])*'), f.PATH, "
      "'..' || COALESCE(f.KEY, '[' || TO_VARCHAR(f.INDEX) || ']'))";
  return "'J' || " + node_text(v) + " || '/' || COALESCE((SELECT TO_VARCHAR(COUNT(*)) || ':' || TO_VARCHAR(COALESCE(SUM(MD5_NUMBER_LOWER64(" + place +
         " || ' ' || " + node_text("f.VALUE") + ")), 0)) FROM TABLE(FLATTEN(INPUT => " + v + ", RECURSIVE => TRUE)) AS f), '0:0')";
}

std::string list_text(const std::string& e, const ValueType& value) {
  const ValueKind kind = value.element->kind;
  if (kind == ValueKind::json) return json_text(e);
  const bool floating = kind == ValueKind::float32 || kind == ValueKind::float64;
  const std::string text =
      floating ? "CASE WHEN TYPEOF(x) = 'VARCHAR' THEN TO_VARCHAR(x) ELSE " + float_text("(x::FLOAT)") + " END" : "TO_VARCHAR(x)";
  const std::string element = "CASE WHEN x IS NULL OR IS_NULL_VALUE(x) THEN NULL ELSE " + text + " END";
  return "'A' || TO_VARCHAR(ARRAY_SIZE(" + e + ")) || '[' || ARRAY_TO_STRING(TRANSFORM(" + e + ", x -> " + framed(element, kSourceBytes) +
         "), '') || ']'";
}

std::string not_null(const std::string& e, const ValueType& value) {
  switch (value.kind) {
    case ValueKind::boolean: return "IFF(" + e + ", 't', 'f')";
    case ValueKind::int16:
    case ValueKind::int32:
    case ValueKind::int64:
    case ValueKind::uint32:
    case ValueKind::uint64: return "TO_VARCHAR(" + e + ")";
    case ValueKind::decimal: return value.scale > 37 ? e : "TO_VARCHAR(" + e + ", 'TM9')";
    case ValueKind::text:
    case ValueKind::time_tz:
    case ValueKind::interval:
    case ValueKind::uuid: return e;
    case ValueKind::float32:
    case ValueKind::float64: return float_text(e);
    case ValueKind::json: return json_text(e);
    case ValueKind::binary: return "HEX_ENCODE(" + e + ", 0)";
    case ValueKind::date: return "TO_VARCHAR(DATEDIFF('day', '2000-01-01'::DATE, " + e + "))";
    case ValueKind::time: return "TO_VARCHAR(DATEDIFF('microsecond', '00:00:00'::TIME, " + e + "))";
    case ValueKind::timestamp:
    case ValueKind::timestamp_tz: return "TO_VARCHAR(DATE_PART(EPOCH_MICROSECOND, " + e + ") - 946684800000000)";
    case ValueKind::list: return list_text(e, value);
  }
  ensure_failed("value kind", "unknown kind of value", __FILE__, __LINE__);
}

}  // namespace

std::string snowflake_canonical(const std::string& expression, const ValueType& value) {
  return "CASE WHEN " + expression + " IS NULL THEN NULL ELSE " + not_null(expression, value) + " END";
}

}  // namespace luge
