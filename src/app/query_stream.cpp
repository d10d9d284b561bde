#include "app/query_stream.h"

#include <nlohmann/json.hpp>

namespace luge {

namespace {
std::string dump(const nlohmann::json& value) { return value.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace); }
}  // namespace

Result<std::uint64_t> stream_query(ReadHandle& reader, const std::string& sql, const std::function<bool(const std::string& json)>& emit) {
  std::uint64_t rows = 0;
  bool listening = true;
  const Status ran = reader.query(
      sql,
      [&](const std::vector<std::string>& names) {
        listening = emit(dump({{"columns", names}}));
      },
      [&](const ReadHandle::Row& row) {
        ++rows;
        if (!listening) {
          reader.cancel();
          return;
        }
        nlohmann::json values = nlohmann::json::array();
        for (const auto& value : row) {
          if (value) {
            values.push_back(*value);
          } else {
            values.push_back(nullptr);
          }
        }
        listening = emit(dump({{"row", std::move(values)}}));
      });
  if (!ran) return ran.error();
  return rows;
}

}  // namespace luge
