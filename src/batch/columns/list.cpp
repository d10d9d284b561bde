#include <algorithm>
#include <string>

#include "batch/columns/arrow_builder.h"
#include "batch/columns/builders.h"
#include "batch/columns/byte_order.h"

namespace luge {

namespace {

constexpr MisfitReason kDimensions = "the array has more than one dimension";
constexpr MisfitReason kLowerBound = "the array does not start at index 1";

/// Source: arrayfuncs.c, array_out and array_send. Elements go through the element type's own builder.
class ListBuilder final : public ArrowBuilder {
 public:
  ListBuilder(ValueType type, std::unique_ptr<ColumnBuilder> element, char delimiter)
      : ArrowBuilder(std::move(type)), element_(std::move(element)), delimiter_(delimiter) {
    column_.offsets.push(std::int32_t{0});
  }

  bool append(const ValueView& view) override {
    const std::size_t before = element_->length();
    MisfitReason reason;
    if (view.state == ValueState::binary) {
      reason = append_binary(view.bytes);
    } else if (view.state == ValueState::text) {
      reason = append_text(view.bytes);
    } else {
      append_null();
      return true;
    }
    if (reason == kFits && element_->length() > INT32_MAX) reason = kColumnFull;
    if (reason != kFits) [[unlikely]] {
      element_->truncate(before);
      return refuse(reason);
    }
    column_.offsets.push(static_cast<std::int32_t>(element_->length()));
    count_value();
    return true;
  }
  void append_null() override {
    column_.offsets.push(static_cast<std::int32_t>(element_->length()));
    count_null();
  }
  std::size_t bytes() const override { return ArrowBuilder::bytes() + element_->bytes(); }
  void truncate(std::size_t rows) override {
    if (rows >= column_.length) return;
    element_->truncate(static_cast<std::size_t>(column_.offsets.as<std::int32_t>()[rows]));
    column_.truncate(rows);  // the child joins it in finish()
  }
  ArrowColumn finish() override {
    ArrowColumn done = take_column();
    done.children.push_back(element_->finish());
    column_.offsets.push(std::int32_t{0});
    return done;
  }

 private:
  MisfitReason append_element(ValueState state, std::string_view bytes) {
    // misfit() is a static sentence, so its data outlives the element's next value.
    return element_->append({state, bytes}) ? kFits : element_->misfit().data();
  }

  MisfitReason append_binary(std::string_view bytes) {
    constexpr std::size_t kHeader = 12, kDimension = 8;
    if (bytes.size() < kHeader) return kMalformedBinary;
    const auto dimensions = load_big_endian<std::int32_t>(bytes.data());
    if (dimensions == 0) return bytes.size() == kHeader ? kFits : kMalformedBinary;
    if (dimensions != 1) return dimensions > 1 ? kDimensions : kMalformedBinary;
    if (bytes.size() < kHeader + kDimension) return kMalformedBinary;
    const auto count = load_big_endian<std::int32_t>(bytes.data() + kHeader);
    if (count < 0) return kMalformedBinary;
    if (load_big_endian<std::int32_t>(bytes.data() + kHeader + 4) != 1) return kLowerBound;
    bytes.remove_prefix(kHeader + kDimension);
    for (std::int32_t i = 0; i < count; ++i) {
      if (bytes.size() < sizeof(std::int32_t)) return kMalformedBinary;
      const auto length = load_big_endian<std::int32_t>(bytes.data());
      bytes.remove_prefix(sizeof(std::int32_t));
      if (length == -1) {
        element_->append_null();
        continue;
      }
      if (length < 0 || bytes.size() < static_cast<std::size_t>(length)) return kMalformedBinary;
      if (const MisfitReason reason = append_element(ValueState::binary, bytes.substr(0, static_cast<std::size_t>(length))); reason != kFits)
        return reason;
      bytes.remove_prefix(static_cast<std::size_t>(length));
    }
    return bytes.empty() ? kFits : kMalformedBinary;
  }

  /// "{1,NULL,\"a b\"}"; other lower bounds show as "[0:1]={...}", further dimensions as "{{".
  MisfitReason append_text(std::string_view text) {
    if (text.starts_with('[')) return text.substr(0, text.find('=')).find("][") != std::string_view::npos ? kDimensions : kLowerBound;
    if (text.size() < 2 || text.front() != '{' || text.back() != '}') return kMalformedText;
    text = text.substr(1, text.size() - 2);
    if (text.empty()) return kFits;
    for (;;) {
      MisfitReason reason = kFits;
      if (text.starts_with('{')) return kDimensions;
      if (text.starts_with('"')) {
        text.remove_prefix(1);
        if (!take_quoted(text)) return kMalformedText;
        reason = append_element(ValueState::text, quoted_);
      } else {
        const std::size_t end = std::min(text.find(delimiter_), text.size());
        const std::string_view plain = text.substr(0, end);
        if (plain.empty() || plain.find_first_of("{}\"\\") != std::string_view::npos) return kMalformedText;
        if (plain == "NULL") {
          element_->append_null();
        } else {
          reason = append_element(ValueState::text, plain);
        }
        text.remove_prefix(end);
      }
      if (reason != kFits) return reason;
      if (text.empty()) return kFits;
      if (text.front() != delimiter_) return kMalformedText;
      text.remove_prefix(1);
    }
  }

  /// The rest of a quoted element, unescaped into quoted_. A backslash takes the next byte as it is.
  bool take_quoted(std::string_view& text) {
    quoted_.clear();
    std::size_t at = 0;
    while (at < text.size()) {
      const char c = text[at++];
      if (c == '"') {
        text.remove_prefix(at);
        return true;
      }
      if (c == '\\') {
        if (at == text.size()) return false;
        quoted_ += text[at++];
      } else {
        quoted_ += c;
      }
    }
    return false;
  }

  std::unique_ptr<ColumnBuilder> element_;
  std::string quoted_;  ///< kept for its capacity
  char delimiter_;
};

}  // namespace

std::unique_ptr<ColumnBuilder> make_list_builder(const ValueType& value, std::unique_ptr<ColumnBuilder> element, char delimiter) {
  return std::make_unique<ListBuilder>(value, std::move(element), delimiter);
}

}  // namespace luge
