#include "app/verify/canonical_sql.h"

namespace luge {

namespace {

// The counterpart of snowflake_canonical.cpp in PostgreSQL's SQL.

/// `x` is a float8.
std::string source_float_text(const std::string& x) {
  const std::string bits = "('x' || encode(float8send(" + x + "), 'hex'))::bit(64)::bigint";
  const std::string fraction = "(" + bits + " & 4503599627370495)";
  const std::string exponent = "((" + bits + " >> 52) & 2047)";
  return "CASE WHEN " + x + " = 0 THEN '0' WHEN " + x + " = 'NaN'::float8 THEN 'NaN' WHEN " + x + " = 'infinity'::float8 THEN 'inf' WHEN " + x +
         " = '-infinity'::float8 THEN '-inf' ELSE CASE WHEN " + x + " < 0 THEN '-' ELSE '' END || CASE WHEN " + exponent + " = 0 THEN 's' || " +
         fraction + " ELSE (" + fraction + " + 4503599627370496) || 'p' || (" + exponent + " - 1075) END END";
}

/// The double that Snowflake makes of the shortest text of a float4, which is what luge sends.
std::string as_double(const std::string& e, ValueKind kind) { return kind == ValueKind::float32 ? "((" + e + ")::text::float8)" : "(" + e + ")"; }

/// `t`: the text of a JSON number.
std::string source_number_text(const std::string& t) {
  const std::string x = "(" + t + "::float8)";
  const std::string digits = "length(regexp_replace(regexp_replace(" + t + ", '[-.]', '', 'g'), '^0+|0+$', '', 'g'))";
  return "CASE WHEN " + t + " ~ '^-?[0-9]+$' THEN " + t + "::numeric::text WHEN " + t + " !~ '[eE]' AND " + digits + " > 15 THEN trim_scale(" + t +
         "::numeric)::text WHEN " + x + " = trunc(" + x + ") AND abs(" + x + ") < 9007199254740992 THEN " + x + "::bigint::text ELSE " +
         source_float_text(x) + " END";
}

std::string source_node_text(const std::string& v) {
  return "CASE json_typeof(" + v + ") WHEN 'object' THEN 'o' WHEN 'array' THEN 'a' WHEN 'null' THEN 'z' WHEN 'boolean' THEN 'b' || (" + v +
         ")::text WHEN 'string' THEN 's' || (" + v + " #>> '{}') ELSE 'n' || " + source_number_text("(" + v + ")::text") + " END";
}

/// What stands directly in `v`: its place for the hash, its path, its value. `path` is the path of `v`; "'" stands for one with an
/// unusual key, which Snowflake may write in its own way.
std::string children(const std::string& v, const std::string& path) {
  const std::string unusual = "left(" + path + ", 1) = ''''";
  const std::string key_path = "CASE WHEN " + unusual + " OR o.key !~ '^[A-Za-z_][A-Za-z0-9_]*$' THEN '''' WHEN " + path + " = '' THEN o.key ELSE " +
                               path + " || '.' || o.key END";
  const auto place = [](const std::string& alias, const std::string& own) {
    return "CASE WHEN left(" + alias + ".path, 1) = '''' THEN '..' || " + own + " ELSE " + alias + ".path END AS place, " + alias +
           ".path AS path, " + alias + ".value AS value";
  };
  return "SELECT " + place("k", "k.key") + " FROM (SELECT o.key, " + key_path + " AS path, o.value FROM json_each(CASE WHEN json_typeof(" + v +
         ") = 'object' THEN " + v + " ELSE '{}' END) AS o) AS k UNION ALL SELECT " + place("i", "'[' || i.n || ']'") +
         " FROM (SELECT a.n - 1 AS n, " + path + " || '[' || (a.n - 1) || ']' AS path, a.value FROM json_array_elements(CASE WHEN json_typeof(" + v +
         ") = 'array' THEN " + v + " ELSE '[]' END) WITH ORDINALITY AS a(value, n)) AS i";
}

/// `v` is a json.
std::string source_json_text(const std::string& v) {
  // The lower half of the hash as an unsigned number.
  const std::string half = "('x' || substr(n.hash, 17, 16))::bit(64)::bigint";
  return "'J' || " + source_node_text(v) + " || '/' || (WITH RECURSIVE f AS (" + children(v, "''") +
         " UNION ALL SELECT c.place, c.path, c.value FROM f, LATERAL (" + children("f.value", "f.path") +
         ") AS c) SELECT count(*) || ':' || coalesce(sum(CASE WHEN " + half + " < 0 THEN 18446744073709551616 + " + half + " ELSE " + half +
         "::numeric END), 0) FROM (SELECT md5(f.place || ' ' || " + source_node_text("f.value") + ") AS hash FROM f) AS n)";
}

/// An element as it stands in a JSON array for Snowflake (ValueWriter).
std::string sent_text(const std::string& e, const ValueType& value) {
  const auto with_fraction = [&](const std::string& moment, const std::string& format, const std::string& end) {
    return "to_char(" + moment + ", CASE WHEN extract(microseconds FROM " + moment + ")::bigint % 1000000 = 0 THEN '" + format + "' ELSE '" + format +
           ".US' END)" + end;
  };
  switch (value.kind) {
    case ValueKind::boolean: return "CASE WHEN " + e + " THEN 'true' ELSE 'false' END";
    case ValueKind::float32:
    case ValueKind::float64: return source_float_text(as_double(e, value.kind));
    case ValueKind::binary: return "translate(encode(" + e + ", 'base64'), E'\\n', '')";
    case ValueKind::date: return "to_char(" + e + ", 'YYYY-MM-DD')";
    case ValueKind::time: return with_fraction("(" + e + ")::interval", "HH24:MI:SS", "");
    case ValueKind::timestamp: return with_fraction("(" + e + ")", "YYYY-MM-DD\"T\"HH24:MI:SS", "");
    case ValueKind::timestamp_tz: return with_fraction("((" + e + ") AT TIME ZONE 'UTC')", "YYYY-MM-DD\"T\"HH24:MI:SS", " || '+00:00'");
    case ValueKind::text: return "format('%s', " + e + ")";
    default: return "(" + e + ")::text";  // integers, decimals, uuid, time_tz, interval
  }
}

std::string source_list_text(const std::string& e, const ValueType& value) {
  if (value.element->kind == ValueKind::json) return source_json_text("array_to_json(" + e + ")");
  const std::string element = "CASE WHEN u.e IS NOT DISTINCT FROM NULL THEN NULL ELSE " + sent_text("u.e", *value.element) + " END";
  return "(SELECT 'A' || count(*) || '[' || coalesce(string_agg(" + framed(element, kSourceBytes) + ", '' ORDER BY u.o), '') || ']' FROM unnest(" +
         e + ") WITH ORDINALITY AS u(e, o))";
}

}  // namespace

std::optional<std::string> source_for_snowflake(const std::string& e, const ValueType& value) {
  switch (value.kind) {
    case ValueKind::float32:
    case ValueKind::float64: return source_float_text(as_double(e, value.kind));
    case ValueKind::time_tz:
    case ValueKind::interval: return "(" + e + ")::text";
    case ValueKind::binary: return "encode(" + e + ", 'hex')";
    case ValueKind::json: return source_json_text("(" + e + ")::text::json");
    case ValueKind::list: return source_list_text(e, value);
    default: return std::nullopt;
  }
}

}  // namespace luge
