#pragma once
#include <cstdint>
#include <string>
#include <string_view>

namespace luge {

/// Bytes as a server would write them: big-endian integers, NUL-terminated strings. `WireWriter().u8('B').u64(…).take()`.
class WireWriter {
 public:
  WireWriter& u8(int value) { return bytes(std::string_view(std::string(1, static_cast<char>(value)))); }
  WireWriter& i16(int value) { return integer(static_cast<std::uint64_t>(value), 2); }
  WireWriter& u32(std::uint32_t value) { return integer(value, 4); }
  WireWriter& i32(std::int32_t value) { return integer(static_cast<std::uint64_t>(value), 4); }
  WireWriter& u64(std::uint64_t value) { return integer(value, 8); }
  WireWriter& c_string(std::string_view text) { return bytes(text).u8(0); }
  WireWriter& bytes(std::string_view raw) {
    out_.append(raw);
    return *this;
  }
  /// One column of a tuple.
  WireWriter& text(std::string_view value) { return u8('t').i32(static_cast<std::int32_t>(value.size())).bytes(value); }
  WireWriter& binary(std::string_view value) { return u8('b').i32(static_cast<std::int32_t>(value.size())).bytes(value); }
  WireWriter& null() { return u8('n'); }
  WireWriter& unchanged() { return u8('u'); }
  /// One field of a COPY BINARY tuple.
  WireWriter& field(std::string_view value) { return i32(static_cast<std::int32_t>(value.size())).bytes(value); }

  const std::string& str() const { return out_; }
  operator std::string_view() const { return out_; }  // NOLINT: implicit by design

 private:
  WireWriter& integer(std::uint64_t value, int size) {
    for (int shift = (size - 1) * 8; shift >= 0; shift -= 8) out_.push_back(static_cast<char>((value >> shift) & 0xFF));
    return *this;
  }
  std::string out_;
};

}  // namespace luge
