#pragma once
#include <memory>

#include "batch/column_builder.h"

namespace luge {

// One maker per family of types; each stands in the .cpp file of its name. make_column_builder chooses.

std::unique_ptr<ColumnBuilder> make_boolean_builder();
/// int16, int32, int64, uint32, uint64.
std::unique_ptr<ColumnBuilder> make_integer_builder(const ValueType& value);
/// float32, float64.
std::unique_ptr<ColumnBuilder> make_float_builder(const ValueType& value);
std::unique_ptr<ColumnBuilder> make_decimal_builder(const ValueType& value);
/// numeric as exact text: what numeric_out writes.
std::unique_ptr<ColumnBuilder> make_numeric_text_builder();
std::unique_ptr<ColumnBuilder> make_bytea_builder();
std::unique_ptr<ColumnBuilder> make_date_builder();
std::unique_ptr<ColumnBuilder> make_time_builder();
std::unique_ptr<ColumnBuilder> make_time_tz_builder();
/// timestamp, timestamp_tz.
std::unique_ptr<ColumnBuilder> make_timestamp_builder(const ValueType& value);
std::unique_ptr<ColumnBuilder> make_interval_builder();
std::unique_ptr<ColumnBuilder> make_uuid_builder();

/// How the send format of a type that becomes text relates to its text.
enum class TextWire : std::uint8_t {
  text_only,   ///< no exact binary reader: a binary value is a misfit
  same,        ///< textsend, enum_send, json_send, ...: the text itself
  jsonb,       ///< a version byte before the text
  one_byte,    ///< "char"
};
/// text and json.
std::unique_ptr<ColumnBuilder> make_text_builder(const ValueType& value, TextWire wire);

/// One-dimensional arrays with lower bound 1.
std::unique_ptr<ColumnBuilder> make_list_builder(const ValueType& value, std::unique_ptr<ColumnBuilder> element, char delimiter);

}  // namespace luge
