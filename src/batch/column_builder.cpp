#include "batch/column_builder.h"

#include "base/ensure.h"
#include "batch/columns/builders.h"

namespace luge {

namespace {

/// Which send functions write the very text that the type prints (textsend and its kin).
TextWire text_wire(const PgType& type) {
  switch (type.oid) {
    case pg_oid::kText:
    case pg_oid::kVarchar:
    case pg_oid::kBpchar:
    case pg_oid::kName:
    case pg_oid::kXml:
    case pg_oid::kJson: return TextWire::same;
    case pg_oid::kJsonb: return TextWire::jsonb;
    case pg_oid::kChar: return TextWire::one_byte;
    default: break;
  }
  return type.kind == 'e' || (type.kind == 'b' && type.name == "citext") ? TextWire::same : TextWire::text_only;
}

}  // namespace

std::unique_ptr<ColumnBuilder> make_column_builder(const PgType& type, std::int32_t typmod, const ValueType& value) {
  const PgType& base = type.resolved();
  switch (value.kind) {
    case ValueKind::boolean: return make_boolean_builder();
    case ValueKind::int16:
    case ValueKind::int32:
    case ValueKind::int64:
    case ValueKind::uint32:
    case ValueKind::uint64: return make_integer_builder(value);
    case ValueKind::float32:
    case ValueKind::float64: return make_float_builder(value);
    case ValueKind::decimal: return make_decimal_builder(value);
    case ValueKind::text:
      if (base.oid == pg_oid::kNumeric) return make_numeric_text_builder();
      return make_text_builder(value, text_wire(base));
    case ValueKind::json: return make_text_builder(value, text_wire(base));
    case ValueKind::binary: return make_bytea_builder();
    case ValueKind::date: return make_date_builder();
    case ValueKind::time: return make_time_builder();
    case ValueKind::time_tz: return make_time_tz_builder();
    case ValueKind::timestamp:
    case ValueKind::timestamp_tz: return make_timestamp_builder(value);
    case ValueKind::interval: return make_interval_builder();
    case ValueKind::uuid: return make_uuid_builder();
    case ValueKind::list:
      ENSURE(base.element && value.element, "a list is built from an array type with a known element");
      return make_list_builder(value, make_column_builder(*base.element, resolved_typmod(*base.element, typmod), *value.element),
                               base.element->delimiter);
  }
  ensure_failed("value kind", "no builder for this kind of value", __FILE__, __LINE__);
}

bool has_binary_reader(const PgType& type, std::int32_t typmod, const ValueType& value) {
  const PgType& base = type.resolved();
  if (!base.has_send) return false;
  switch (value.kind) {
    case ValueKind::text: return base.oid == pg_oid::kNumeric || text_wire(base) != TextWire::text_only;
    case ValueKind::list: return base.element && value.element && has_binary_reader(*base.element, typmod, *value.element);
    default: return true;
  }
}

}  // namespace luge
