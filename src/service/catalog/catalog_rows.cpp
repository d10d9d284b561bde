#include "service/catalog/catalog_rows.h"

namespace luge {

namespace {
constexpr std::size_t kLongestStatusKey = 100;
}

std::string_view to_string(RowKind kind) {
  switch (kind) {
    case RowKind::source: return "source";
    case RowKind::destination: return "destination";
    case RowKind::pipeline: break;
  }
  return "pipeline";
}

std::string status_key(std::string_view pipeline) {
  if (pipeline.size() <= kLongestStatusKey) return std::string(pipeline);
  std::size_t end = kLongestStatusKey;
  while (end > 0 && (static_cast<unsigned char>(pipeline[end]) & 0xC0U) == 0x80U) --end;  // inside of a UTF-8 character
  return std::string(pipeline.substr(0, end));
}

}  // namespace luge
