#include <charconv>

#include "batch/columns/arrow_builder.h"
#include "batch/columns/builders.h"
#include "batch/columns/byte_order.h"

namespace luge {

namespace {

/// Source: int.c, int8.c, oid.c, xid.c: decimal digits in text, network order in binary. xid and cid print unsigned.
template <class T>
struct IntegerFormat {
  using Value = T;

  MisfitReason read_text(std::string_view text, Value& value) const {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    return error == std::errc{} && end == text.data() + text.size() ? kFits : kMalformedText;
  }
  MisfitReason read_binary(std::string_view bytes, Value& value) const {
    if (bytes.size() != sizeof(T)) return kMalformedBinary;
    value = load_big_endian<T>(bytes.data());
    return kFits;
  }
};

template <class T>
std::unique_ptr<ColumnBuilder> make(const ValueType& value) {
  return std::make_unique<FixedBuilder<IntegerFormat<T>>>(value);
}

}  // namespace

std::unique_ptr<ColumnBuilder> make_integer_builder(const ValueType& value) {
  switch (value.kind) {
    case ValueKind::int16: return make<std::int16_t>(value);
    case ValueKind::int32: return make<std::int32_t>(value);
    case ValueKind::int64: return make<std::int64_t>(value);
    case ValueKind::uint32: return make<std::uint32_t>(value);
    case ValueKind::uint64: return make<std::uint64_t>(value);
    default: ensure_failed("integer kind", "an integer builder was asked for another kind", __FILE__, __LINE__);
  }
}

}  // namespace luge
