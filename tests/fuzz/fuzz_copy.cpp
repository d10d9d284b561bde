// COPY BINARY, fed whole and in pieces: both must end the same. Three bytes before the stream: columns, which of them are text,
// size of the pieces.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/ensure.h"
#include "decode/copy_reader.h"

namespace luge {
namespace {

// Everything that was read, and the error if there was one.
std::string read_all(std::string_view stream, std::size_t piece_size, const std::vector<bool>& text_columns) {
  CopyReader reader(text_columns);
  std::string seen;
  for (std::size_t at = 0; at < stream.size(); at += piece_size) {
    const std::string piece(stream.substr(at, piece_size));
    reader.feed(piece);
    while (true) {
      const auto row = reader.next();
      if (!row) return seen + row.error().message();
      if (!*row) break;
      ENSURE((*row)->size() == text_columns.size(), "a row has all columns");
      seen += "row";
      for (const ValueView& value : **row) {
        seen += std::to_string(static_cast<int>(value.state)) + ":" + std::to_string(value.bytes.size()) + ":";
        seen += value.bytes;
      }
    }
  }
  const Status status = reader.finish();
  return seen + (status ? "whole" : status.error().message());
}

}  // namespace
}  // namespace luge

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  constexpr std::size_t kHeadSize = 3;
  if (size < kHeadSize) return 0;
  std::vector<bool> text_columns(data[0] % 9U);
  for (std::size_t i = 0; i < text_columns.size(); ++i) text_columns[i] = ((data[1] >> i) & 1U) != 0;
  const std::string_view stream(reinterpret_cast<const char*>(data) + kHeadSize, size - kHeadSize);
  const std::string whole = luge::read_all(stream, std::max<std::size_t>(stream.size(), 1), text_columns);
  const std::string pieces = luge::read_all(stream, 1U + data[2] % 64U, text_columns);
  ENSURE(whole == pieces, "cutting a stream elsewhere changes nothing");
  return 0;
}
