#pragma once
#include <algorithm>
#include <utility>

#include "base/ensure.h"
#include "batch/column_builder.h"

namespace luge {

/// Why a value was refused: a static sentence, or nullptr for "it fits". Never carries the value.
using MisfitReason = const char*;

inline constexpr MisfitReason kFits = nullptr;
inline constexpr MisfitReason kMalformedText = "the text form is not one that PostgreSQL writes for this type";
inline constexpr MisfitReason kMalformedBinary = "the binary form is not one that PostgreSQL sends for this type";
inline constexpr MisfitReason kNoBinaryReader = "the binary form of this type has no exact reader";
inline constexpr MisfitReason kColumnFull = "the values of one batch exceed 2 GiB in this column";
inline constexpr MisfitReason kNotUtf8 = "the text is not valid UTF-8";
inline constexpr MisfitReason kInfinite = "the value is infinite";
inline constexpr MisfitReason kOutOfRange = "the value is beyond the range of the column's type";

/// Appends bits to a bitmap that has `length` of them; bits past the end are zero.
inline void push_bit(Buffer& bits, std::size_t length, bool bit) {
  if ((length & 7) == 0) bits.push(std::uint8_t{0});
  if (bit) set_bit(bits.data(), length);
}

/// What all builders share: the column being built, its nulls, the last refusal.
class ArrowBuilder : public ColumnBuilder {
 public:
  std::size_t length() const final { return column_.length; }
  std::size_t bytes() const override { return column_.bytes(); }
  void truncate(std::size_t rows) override { column_.truncate(rows); }
  std::string_view misfit() const final { return misfit_; }
  bool misfit_fits_text() const final {
    const std::string_view reason = misfit_;  // not the address: every translation unit may have a literal of its own
    return reason != kNotUtf8 && reason != kColumnFull;
  }
  void reserve_as_before() override {
    constexpr std::size_t kMost = 16U << 20;  // a chunk that was far larger than most says little about the next
    column_.values.reserve(std::min(values_before_, kMost));
    column_.offsets.reserve(std::min(offsets_before_, kMost));
  }

 protected:
  explicit ArrowBuilder(ValueType type) { column_.type = std::move(type); }

  bool refuse(MisfitReason reason) {
    misfit_ = reason;
    return false;
  }
  /// After the value itself was appended.
  void count_value() {
    if (!column_.validity.empty()) push_bit(column_.validity, column_.length, true);
    ++column_.length;
  }
  /// The bitmap comes with the first null.
  void count_null() {
    Buffer& validity = column_.validity;
    if (validity.empty()) {
      const std::size_t length = column_.length;
      validity.resize((length + 7) / 8);
      if (length > 0) {
        std::memset(validity.data(), 0xFF, validity.size());
        if ((length & 7) != 0) validity.data()[length >> 3] = static_cast<std::uint8_t>((1U << (length & 7)) - 1);
      }
    }
    push_bit(validity, column_.length, false);
    ++column_.null_count;
    ++column_.length;
  }
  /// Hands the column out; an empty one with the same type stays.
  ArrowColumn take_column() {
    values_before_ = column_.values.size();
    offsets_before_ = column_.offsets.size();
    ArrowColumn fresh;
    fresh.type = column_.type;
    return std::exchange(column_, std::move(fresh));
  }

  ArrowColumn column_;

 private:
  MisfitReason misfit_ = "";
  std::size_t values_before_ = 0;
  std::size_t offsets_before_ = 0;
};

/// Values of one width. A Format reads one:
///   using Value = ...;  MisfitReason read_text(std::string_view, Value&) const;  MisfitReason read_binary(std::string_view, Value&) const;
template <class Format>
class FixedBuilder final : public ArrowBuilder {
 public:
  explicit FixedBuilder(ValueType type, Format format = {}) : ArrowBuilder(std::move(type)), format_(format) {
    ENSURE(value_width(column_.type.kind) == sizeof(Value), "a fixed-width builder writes values of another width than its kind");
  }

  bool append(const ValueView& view) override {
    Value value{};
    MisfitReason reason;
    if (view.state == ValueState::binary) {
      reason = format_.read_binary(view.bytes, value);
    } else if (view.state == ValueState::text) {
      reason = format_.read_text(view.bytes, value);
    } else {
      append_null();
      return true;
    }
    if (reason != kFits) [[unlikely]]
      return refuse(reason);
    column_.values.push(value);
    count_value();
    return true;
  }
  void append_null() override {
    column_.values.push(Value{});
    count_null();
  }
  ArrowColumn finish() override { return take_column(); }

 private:
  using Value = typename Format::Value;
  Format format_;
};

/// Values of any length behind 32-bit offsets. A Format appends one to the data buffer; what it appended before a refusal is cut off again:
///   MisfitReason append_text(std::string_view, Buffer&) const;  MisfitReason append_binary(std::string_view, Buffer&) const;
template <class Format>
class BytesBuilder final : public ArrowBuilder {
 public:
  explicit BytesBuilder(ValueType type, Format format = {}) : ArrowBuilder(std::move(type)), format_(format) {
    column_.offsets.push(std::int32_t{0});
  }

  bool append(const ValueView& view) override {
    Buffer& values = column_.values;
    const std::size_t before = values.size();
    MisfitReason reason;
    if (view.state == ValueState::binary) {
      reason = format_.append_binary(view.bytes, values);
    } else if (view.state == ValueState::text) {
      reason = format_.append_text(view.bytes, values);
    } else {
      append_null();
      return true;
    }
    if (reason == kFits && values.size() > INT32_MAX) reason = kColumnFull;
    if (reason != kFits) [[unlikely]] {
      values.resize(before);
      return refuse(reason);
    }
    column_.offsets.push(static_cast<std::int32_t>(values.size()));
    count_value();
    return true;
  }
  void append_null() override {
    column_.offsets.push(static_cast<std::int32_t>(column_.values.size()));
    count_null();
  }
  ArrowColumn finish() override {
    ArrowColumn done = take_column();
    column_.offsets.push(std::int32_t{0});
    return done;
  }

 private:
  Format format_;
};

}  // namespace luge
