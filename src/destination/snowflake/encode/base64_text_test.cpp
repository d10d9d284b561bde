#include "destination/snowflake/encode/base64_text.h"

#include <gtest/gtest.h>
#include <string>
#include <string_view>

#include "base/random.h"

namespace luge {
namespace {

std::string encoded(std::string_view bytes) {
  std::string text(base64_size(bytes.size()), '\0');
  const char* end = write_base64(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size(), text.data());
  EXPECT_EQ(end, text.data() + text.size());
  return text;
}

std::string slow_decoded(std::string_view text) {
  constexpr std::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string bytes;
  unsigned bits = 0;
  int have = 0;
  for (const char letter : text.substr(0, text.find('='))) {
    bits = bits << 6 | static_cast<unsigned>(kAlphabet.find(letter));
    have += 6;
    if (have >= 8) bytes += static_cast<char>(bits >> (have -= 8) & 0xFF);
  }
  return bytes;
}

TEST(Base64Text, TheStandardsOwnExamples) {
  const std::pair<const char*, const char*> cases[] = {{"", ""},
                                                       {"f", "Zg=="},
                                                       {"fo", "Zm8="},
                                                       {"foo", "Zm9v"},
                                                       {"foob", "Zm9vYg=="},
                                                       {"fooba", "Zm9vYmE="},
                                                       {"foobar", "Zm9vYmFy"},
                                                       {"\xFB\xEF\xFF", "++//"}};
  for (const auto& [bytes, expected] : cases) EXPECT_EQ(encoded(bytes), expected);
}

TEST(Base64Text, RandomBytesComeBack) {
  SeededRandom random(9);
  for (std::size_t size = 0; size < 300; ++size) {
    std::string bytes(size, '\0');
    for (char& byte : bytes) byte = static_cast<char>(random.below(256));
    ASSERT_EQ(slow_decoded(encoded(bytes)), bytes);
  }
}

}  // namespace
}  // namespace luge
