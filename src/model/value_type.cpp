#include "model/value_type.h"

#include <array>
#include <charconv>
#include <string_view>
#include <utility>

namespace luge {

namespace {

struct KindName {
  ValueKind kind;
  std::string_view name;
};

constexpr std::array kKindNames = {
    KindName{ValueKind::boolean, "boolean"},
    KindName{ValueKind::int16, "int16"},
    KindName{ValueKind::int32, "int32"},
    KindName{ValueKind::int64, "int64"},
    KindName{ValueKind::uint32, "uint32"},
    KindName{ValueKind::uint64, "uint64"},
    KindName{ValueKind::float32, "float32"},
    KindName{ValueKind::float64, "float64"},
    KindName{ValueKind::decimal, "decimal"},
    KindName{ValueKind::text, "text"},
    KindName{ValueKind::json, "json"},
    KindName{ValueKind::binary, "binary"},
    KindName{ValueKind::date, "date"},
    KindName{ValueKind::time, "time"},
    KindName{ValueKind::time_tz, "time_tz"},
    KindName{ValueKind::timestamp, "timestamp"},
    KindName{ValueKind::timestamp_tz, "timestamp_tz"},
    KindName{ValueKind::interval, "interval"},
    KindName{ValueKind::uuid, "uuid"},
    KindName{ValueKind::list, "list"},
};

std::optional<std::uint8_t> take_number(std::string_view& text) {
  std::uint8_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{}) return std::nullopt;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return number;
}

std::optional<ValueType> parse_decimal(std::string_view text) {
  const auto precision = take_number(text);
  if (!precision || !text.starts_with(',')) return std::nullopt;
  text.remove_prefix(1);
  const auto scale = take_number(text);
  if (!scale || !text.empty() || *precision < 1 || *precision > 38 || *scale > *precision) return std::nullopt;
  return ValueType{ValueKind::decimal, *precision, *scale, nullptr};
}

}  // namespace

std::string to_string(const ValueType& type) {
  for (const KindName& entry : kKindNames) {
    if (entry.kind != type.kind) continue;
    std::string text(entry.name);
    if (type.kind == ValueKind::decimal) text += "(" + std::to_string(type.precision) + "," + std::to_string(type.scale) + ")";
    if (type.kind == ValueKind::list && type.element) text += "<" + to_string(*type.element) + ">";
    return text;
  }
  return "unknown";
}

std::optional<ValueType> parse_value_type(std::string_view text) {
  constexpr std::string_view kDecimal = "decimal(";
  constexpr std::string_view kList = "list<";
  if (text.starts_with(kDecimal) && text.ends_with(')')) return parse_decimal(text.substr(kDecimal.size(), text.size() - kDecimal.size() - 1));
  if (text.starts_with(kList) && text.ends_with('>')) {
    auto element = parse_value_type(text.substr(kList.size(), text.size() - kList.size() - 1));
    if (!element) return std::nullopt;
    return ValueType{ValueKind::list, 0, 0, std::make_shared<const ValueType>(*std::move(element))};
  }
  for (const KindName& entry : kKindNames) {
    if (entry.name == text && entry.kind != ValueKind::decimal && entry.kind != ValueKind::list) return ValueType{entry.kind, 0, 0, nullptr};
  }
  return std::nullopt;
}

std::size_t value_width(ValueKind kind) {
  switch (kind) {
    case ValueKind::int16: return 2;
    case ValueKind::int32:
    case ValueKind::uint32:
    case ValueKind::float32:
    case ValueKind::date: return 4;
    case ValueKind::int64:
    case ValueKind::uint64:
    case ValueKind::float64:
    case ValueKind::time:
    case ValueKind::timestamp:
    case ValueKind::timestamp_tz: return 8;
    case ValueKind::decimal:
    case ValueKind::interval:
    case ValueKind::uuid: return 16;
    case ValueKind::boolean:
    case ValueKind::text:
    case ValueKind::json:
    case ValueKind::binary:
    case ValueKind::time_tz:
    case ValueKind::list: return 0;
  }
  return 0;
}

bool has_offsets(ValueKind kind) {
  return kind == ValueKind::text || kind == ValueKind::json || kind == ValueKind::binary || kind == ValueKind::list;
}

}  // namespace luge
