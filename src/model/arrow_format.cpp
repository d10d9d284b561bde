#include "model/arrow_format.h"

namespace luge {

std::string arrow_format(const ValueType& type) {
  switch (type.kind) {
    case ValueKind::boolean: return "b";
    case ValueKind::int16: return "s";
    case ValueKind::int32: return "i";
    case ValueKind::int64: return "l";
    case ValueKind::uint32: return "I";
    case ValueKind::uint64: return "L";
    case ValueKind::float32: return "f";
    case ValueKind::float64: return "g";
    case ValueKind::decimal: return "d:" + std::to_string(type.precision) + "," + std::to_string(type.scale);
    case ValueKind::text:
    case ValueKind::json: return "u";
    case ValueKind::binary: return "z";
    case ValueKind::date: return "tdD";
    case ValueKind::time: return "ttu";
    case ValueKind::time_tz: return "+s";
    case ValueKind::timestamp: return "tsu:";
    case ValueKind::timestamp_tz: return "tsu:UTC";
    case ValueKind::interval: return "tin";
    case ValueKind::uuid: return "w:16";
    case ValueKind::list: return "+l";
  }
  return "";
}

}  // namespace luge
