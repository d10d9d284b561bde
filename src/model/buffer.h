#pragma once
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <new>
#include <utility>

namespace luge {

/// Growing bytes for Arrow buffers: uninitialised growth by doubling, realloc, 16-byte aligned, move-only.
class Buffer {
 public:
  Buffer() = default;
  Buffer(Buffer&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)), capacity_(std::exchange(other.capacity_, 0)) {}
  Buffer& operator=(Buffer&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    std::swap(capacity_, other.capacity_);
    return *this;
  }
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;
  ~Buffer() { std::free(data_); }

  std::uint8_t* data() { return data_; }
  const std::uint8_t* data() const { return data_; }
  std::size_t size() const { return size_; }
  std::size_t capacity() const { return capacity_; }
  bool empty() const { return size_ == 0; }

  template <class T>
  T* as() {
    return reinterpret_cast<T*>(data_);
  }
  template <class T>
  const T* as() const {
    return reinterpret_cast<const T*>(data_);
  }

  void reserve(std::size_t bytes) {
    if (bytes > capacity_) grow(bytes);
  }
  /// New bytes are uninitialised.
  void resize(std::size_t bytes) {
    reserve(bytes);
    size_ = bytes;
  }
  void resize_zeroed(std::size_t bytes) {
    const std::size_t before = size_;
    resize(bytes);
    if (bytes > before) std::memset(data_ + before, 0, bytes - before);
  }
  void append(const void* bytes, std::size_t count) {
    if (count == 0) return;
    if (size_ + count > capacity_) grow(size_ + count);
    std::memcpy(data_ + size_, bytes, count);
    size_ += count;
  }
  template <class T>
  void push(T value) {
    if (size_ + sizeof(T) > capacity_) grow(size_ + sizeof(T));
    std::memcpy(data_ + size_, &value, sizeof(T));
    size_ += sizeof(T);
  }
  void clear() { size_ = 0; }

 private:
  void grow(std::size_t least) {
    std::size_t target = capacity_ < 64 ? 64 : capacity_ * 2;
    if (target < least) target = (least + 63) & ~std::size_t{63};
    auto* moved = static_cast<std::uint8_t*>(std::realloc(data_, target));
    if (moved == nullptr) throw std::bad_alloc();
    data_ = moved;
    capacity_ = target;
  }

  std::uint8_t* data_ = nullptr;
  std::size_t size_ = 0;
  std::size_t capacity_ = 0;
};

/// Bitmaps are LSB first, as in Arrow.
inline bool bit_at(const std::uint8_t* bits, std::size_t index) { return ((bits[index >> 3] >> (index & 7)) & 1) != 0; }
inline void set_bit(std::uint8_t* bits, std::size_t index) { bits[index >> 3] = static_cast<std::uint8_t>(bits[index >> 3] | (1U << (index & 7))); }
inline void clear_bit(std::uint8_t* bits, std::size_t index) {
  bits[index >> 3] = static_cast<std::uint8_t>(bits[index >> 3] & ~(1U << (index & 7)));
}

}  // namespace luge
