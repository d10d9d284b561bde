#pragma once
#include <cstdint>
#include <cstring>
#include <string_view>
#include <vector>

#include "model/buffer.h"

namespace luge {

/// Numbers distinct byte strings 0, 1, 2, … in the order of their first appearance. Never forgets one; open addressing.
class ByteMap {
 public:
  explicit ByteMap(std::size_t expected);

  struct Found {
    std::uint32_t number = 0;
    bool added = false;
  };
  Found find_or_add(std::string_view bytes);

  std::size_t size() const { return strings_.size(); }
  std::string_view bytes(std::uint32_t number) const {
    return {reinterpret_cast<const char*>(arena_.data()) + strings_[number].offset, strings_[number].length};
  }

 private:
  struct Slot {
    std::uint64_t hash = 0;
    std::uint32_t number_plus_one = 0;
  };
  struct String {
    std::size_t offset = 0;
    std::uint32_t length = 0;
  };
  void grow();

  std::vector<Slot> slots_;
  std::vector<String> strings_;
  Buffer arena_;
};

}  // namespace luge
