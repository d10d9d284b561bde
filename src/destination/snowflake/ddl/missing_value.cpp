#include "destination/snowflake/ddl/missing_value.h"

#include <nlohmann/json.hpp>

#include "destination/snowflake/ddl/identifier.h"
#include "destination/snowflake/encode/snowflake_type.h"
#include "destination/snowflake/encode/value_writer.h"

namespace luge {

Result<MissingValue> missing_value_sql(const ColumnSchema& column) {
  // The encoder's form of the value, so that older rows and newer ones are spelt by one hand.
  Buffer buffer;
  JsonOutput out(buffer);
  ValueWriter writer(column.value);
  writer.bind(*column.missing_value);
  out.room(ValueWriter::kRoom);
  if (const MisfitReason reason = writer.write(0, out); reason != nullptr) {
    return make_error(Recovery::quarantine_table, "misfit", "Snowflake cannot hold the default of column " + column.name + ": " + reason,
                      "choose another type for it: columns: {…: {as: text}}");
  }
  out.finish();
  const std::string json(reinterpret_cast<const char*>(buffer.data()), buffer.size());
  std::string text = json;
  if (json.starts_with('"') && column.value.kind != ValueKind::json) text = nlohmann::json::parse(json).get<std::string>();

  const std::string type = snowflake_type(column.value);
  switch (column.value.kind) {
    case ValueKind::boolean: return MissingValue{text == "true" ? "TRUE" : "FALSE", true};
    case ValueKind::int16:
    case ValueKind::int32:
    case ValueKind::int64:
    case ValueKind::uint32:
    case ValueKind::uint64: return MissingValue{text, true};
    case ValueKind::decimal: return type == "VARCHAR" ? MissingValue{snowflake_literal(text), true} : MissingValue{text, true};
    case ValueKind::text:
    case ValueKind::uuid:
    case ValueKind::time_tz:
    case ValueKind::interval: return MissingValue{snowflake_literal(text), true};
    case ValueKind::json: return MissingValue{"PARSE_JSON(" + snowflake_literal(text) + ")", false};
    case ValueKind::list: return MissingValue{"PARSE_JSON(" + snowflake_literal(text) + ")::ARRAY", false};
    case ValueKind::binary: return MissingValue{"TO_BINARY(" + snowflake_literal(text) + ", 'BASE64')", false};
    case ValueKind::float32:
    case ValueKind::float64:
    case ValueKind::date:
    case ValueKind::time:
    case ValueKind::timestamp:
    case ValueKind::timestamp_tz: return MissingValue{snowflake_literal(text) + "::" + type, false};
  }
  return fatal("internal", "unknown kind of value");
}

}  // namespace luge
