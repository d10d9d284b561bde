#pragma once
#include <memory>
#include <string_view>

#include "model/arrow_column.h"
#include "model/table_row.h"
#include "model/table_schema.h"

namespace luge {

/// Writes one column's Arrow buffers straight from wire bytes. Chosen once per column; one virtual call a value.
class ColumnBuilder {
 public:
  virtual ~ColumnBuilder() = default;
  /// Text or binary as the view says; null and unchanged append a null slot. False: the column cannot hold this value exactly
  /// (or the bytes are malformed); nothing was appended, and misfit() says why without the value.
  virtual bool append(const ValueView& value) = 0;
  virtual void append_null() = 0;
  virtual std::size_t length() const = 0;
  virtual std::size_t bytes() const = 0;
  /// Forgets rows at or after `rows`.
  virtual void truncate(std::size_t rows) = 0;
  /// Hands the column out and starts empty.
  virtual ArrowColumn finish() = 0;
  /// Makes room for as much as the column last handed out held: growing step by step would move the same bytes again.
  virtual void reserve_as_before() {}
  /// "value is infinite", "more than 38 digits", ...: a static sentence about the last refused value.
  virtual std::string_view misfit() const = 0;
  /// Whether a text column would take the last refused value.
  virtual bool misfit_fits_text() const = 0;
};

/// Never null: map_type is total and every (PostgreSQL type, ValueType) pair it makes has a text reader.
std::unique_ptr<ColumnBuilder> make_column_builder(const PgType& type, std::int32_t typmod, const ValueType& value);

/// True if the send format of this type has an exact reader into `value`: the stream may be binary only when all columns have one.
bool has_binary_reader(const PgType& type, std::int32_t typmod, const ValueType& value);

}  // namespace luge
