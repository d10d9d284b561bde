#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>

#include "destination/snowflake/encode/json_output.h"
#include "destination/snowflake/encode/variant_check.h"
#include "model/arrow_column.h"
#include "model/table_schema.h"

namespace luge {

/// Why a value cannot be written exactly: a static sentence without the value; nullptr: it can.
using MisfitReason = const char*;

/// Writes the values of one Arrow column as JSON in the forms that Snowflake's default pipe reads into snowflake_type(): the writer is
/// chosen once, a value costs one indirect call.
///   NUMBER from integers: JSON numbers; from decimals: strings ("-0.05"). FLOAT: see write_double; "NaN", "inf", "-inf" as strings.
///   BINARY: Base64. DATE, TIME, TIMESTAMP: see time_text.h, TIMESTAMP_TZ in UTC with "+00:00".
///   VARIANT: the JSON itself, line breaks between its tokens as blanks. ARRAY: the same encodings, null for NULL.
/// Bound to one chunk's column at a time; one thread.
class ValueWriter {
 public:
  /// Room that the caller gives a value beforehand; longer ones ask for their own.
  static constexpr std::size_t kRoom = 96;

  /// `json`: of JSON texts.
  explicit ValueWriter(const ValueType& type, JsonText json = JsonText::any);

  /// `column` must outlive the writes.
  void bind(const ArrowColumn& column);
  bool is_null(std::size_t row) const { return validity_ != nullptr && !bit_at(validity_, row); }
  /// A value that is not null. On a misfit part of it may have been written.
  MisfitReason write(std::size_t row, JsonOutput& out) { return write_(*this, row, out); }

 private:
  friend struct ValueForms;
  using Write = MisfitReason (*)(ValueWriter& self, std::size_t row, JsonOutput& out);

  template <class T>
  T value(std::size_t row) const {
    T read;
    std::memcpy(&read, values_ + row * sizeof(T), sizeof(T));
    return read;
  }

  Write write_ = nullptr;
  const std::uint8_t* validity_ = nullptr;
  const std::uint8_t* values_ = nullptr;
  const std::int32_t* offsets_ = nullptr;
  const std::uint8_t* zones_ = nullptr;  ///< time_tz: offset_seconds
  unsigned scale_ = 0;
  ValueKind kind_;
  JsonText json_ = JsonText::any;
  std::unique_ptr<VariantCheck> variant_check_;
  std::unique_ptr<ValueWriter> element_;
};

}  // namespace luge
