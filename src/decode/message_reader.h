#pragma once
#include <bit>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace luge {

/// A cursor over one message in network byte order. Failure is sticky: after the first read beyond the end (or fail()) every read
/// returns zero or an empty view, so a parser reads on and asks once. Views are borrowed from the message.
class MessageReader {
 public:
  explicit MessageReader(std::string_view message) : begin_(message.data()), next_(begin_), end_(begin_ + message.size()) {}

  std::uint8_t u8() { return read<std::uint8_t>(); }
  std::int16_t i16() { return static_cast<std::int16_t>(read<std::uint16_t>()); }
  std::uint32_t u32() { return read<std::uint32_t>(); }
  std::int32_t i32() { return static_cast<std::int32_t>(read<std::uint32_t>()); }
  std::uint64_t u64() { return read<std::uint64_t>(); }
  std::int64_t i64() { return static_cast<std::int64_t>(read<std::uint64_t>()); }

  /// The next `length` bytes. A negative length fails.
  std::string_view bytes(std::int64_t length) {
    if (length < 0) return fail("negative length"), std::string_view{};
    if (length > static_cast<std::int64_t>(remaining())) return fail("the message ends too early"), std::string_view{};
    const std::string_view view(next_, static_cast<std::size_t>(length));
    next_ += length;
    return view;
  }

  /// A NUL-terminated string, without the NUL.
  std::string_view c_string() {
    const void* end = remaining() == 0 ? nullptr : std::memchr(next_, '\0', remaining());
    if (end == nullptr) return fail("string without an end"), std::string_view{};
    const std::string_view view(next_, static_cast<std::size_t>(static_cast<const char*>(end) - next_));
    next_ += view.size() + 1;
    return view;
  }

  /// A count of things that take at least `min_size` bytes each: refused when the rest of the message cannot hold them, so that
  /// nobody allocates for a count that lies.
  std::size_t count(std::int64_t number, std::size_t min_size) {
    if (number < 0) return fail("negative count"), 0U;
    if (static_cast<std::size_t>(number) > remaining() / min_size) return fail("the message ends too early"), 0U;
    return static_cast<std::size_t>(number);
  }

  void expect_end() {
    if (next_ != end_) fail("bytes after the end");
  }

  std::size_t offset() const { return failed() ? failed_at_ : static_cast<std::size_t>(next_ - begin_); }
  std::size_t remaining() const { return static_cast<std::size_t>(end_ - next_); }

  bool failed() const { return reason_ != nullptr; }
  /// Why and, through offset(), where; null: not failed. A string literal.
  const char* reason() const { return reason_; }
  void fail(const char* reason) {
    if (failed()) return;
    reason_ = reason;
    failed_at_ = static_cast<std::size_t>(next_ - begin_);
    next_ = end_ = begin_;
  }

 private:
  template <class T>
  T read() {
    if (remaining() < sizeof(T)) [[unlikely]]
      return fail("the message ends too early"), T{};
    T value;
    std::memcpy(&value, next_, sizeof(T));
    next_ += sizeof(T);
    if constexpr (sizeof(T) == 1 || std::endian::native == std::endian::big)
      return value;
    else if constexpr (sizeof(T) == 2)
      return __builtin_bswap16(value);
    else if constexpr (sizeof(T) == 4)
      return __builtin_bswap32(value);
    else
      return __builtin_bswap64(value);
  }

  const char* begin_;
  const char* next_;
  const char* end_;
  const char* reason_ = nullptr;
  std::size_t failed_at_ = 0;
};

}  // namespace luge
