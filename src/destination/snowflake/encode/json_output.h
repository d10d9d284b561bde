#pragma once
#include <cstddef>
#include <cstring>
#include <string_view>

#include "model/buffer.h"

namespace luge {

/// Appends to a Buffer through a raw cursor: a writer asks for room once, then stores without checks. The buffer's size is right again
/// after finish(). One thread.
class JsonOutput {
 public:
  /// Stores in blocks may run this far past the room that was asked for.
  static constexpr std::size_t kSlack = 32;

  explicit JsonOutput(Buffer& buffer) : buffer_(buffer) { set_cursor(buffer.size()); }

  /// From now on `bytes` more can be stored at `at`, and kSlack more behind them.
  void room(std::size_t bytes) {
    if (static_cast<std::size_t>(end_ - at) < bytes + kSlack) [[unlikely]]
      grow(bytes + kSlack);
  }
  std::size_t size() const { return buffer_.data() == nullptr ? 0 : static_cast<std::size_t>(at - reinterpret_cast<char*>(buffer_.data())); }
  /// Forgets what came after the first `size` bytes.
  void rewind(std::size_t size) { set_cursor(size); }
  void finish() { buffer_.resize(size()); }

  /// Within the room asked for.
  void put(char byte) { *at++ = byte; }
  void put(std::string_view text) {
    std::memcpy(at, text.data(), text.size());
    at += text.size();
  }

  char* at = nullptr;

 private:
  void set_cursor(std::size_t size) {
    char* begin = reinterpret_cast<char*>(buffer_.data());
    at = begin + size;
    end_ = begin + buffer_.capacity();
  }
  void grow(std::size_t bytes) {
    const std::size_t used = size();
    buffer_.resize(used);
    buffer_.reserve(used + bytes);
    set_cursor(used);
  }

  Buffer& buffer_;
  char* end_ = nullptr;
};

}  // namespace luge
