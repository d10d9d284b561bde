#include "batch/columns/arrow_builder.h"
#include "batch/columns/builders.h"

namespace luge {

namespace {

/// Source: bool.c, boolout ('t', 'f') and boolsend (one byte).
class BooleanBuilder final : public ArrowBuilder {
 public:
  BooleanBuilder() : ArrowBuilder({ValueKind::boolean, 0, 0, nullptr}) {}

  bool append(const ValueView& view) override {
    if (view.state != ValueState::binary && view.state != ValueState::text) {
      append_null();
      return true;
    }
    const bool binary = view.state == ValueState::binary;
    if (view.bytes.size() != 1) return refuse(binary ? kMalformedBinary : kMalformedText);
    const char byte = view.bytes.front();
    const char is_true = binary ? '\1' : 't';
    const char is_false = binary ? '\0' : 'f';
    if (byte != is_true && byte != is_false) return refuse(binary ? kMalformedBinary : kMalformedText);
    push_bit(column_.values, column_.length, byte == is_true);
    count_value();
    return true;
  }
  void append_null() override {
    push_bit(column_.values, column_.length, false);
    count_null();
  }
  ArrowColumn finish() override { return take_column(); }
};

}  // namespace

std::unique_ptr<ColumnBuilder> make_boolean_builder() { return std::make_unique<BooleanBuilder>(); }

}  // namespace luge
