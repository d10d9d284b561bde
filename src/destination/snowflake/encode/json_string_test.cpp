#include "destination/snowflake/encode/json_string.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "base/random.h"

namespace luge {
namespace {

std::string written(std::string_view text) {
  Buffer buffer;
  JsonOutput out(buffer);
  write_json_string(text, out);
  out.finish();
  return {reinterpret_cast<const char*>(buffer.data()), buffer.size()};
}

TEST(JsonString, EscapesWhatItMust) {
  const std::pair<std::string, std::string> cases[] = {
      {"", R"("")"},
      {"plain", R"("plain")"},
      {"a \"quoted\" word", R"("a \"quoted\" word")"},
      {"back\\slash", R"("back\\slash")"},
      {"\n\r\t\b\f", R"("\n\r\t\b\f")"},
      {std::string("\x01\x1f\x00", 3), R"("\u0001\u001f\u0000")"},
      {"\x7f / ü ☃ 🎈 \xe2\x80\xa8", "\"\x7f / ü ☃ 🎈 \xe2\x80\xa8\""},
  };
  for (const auto& [text, expected] : cases) EXPECT_EQ(written(text), expected);
}

TEST(JsonString, FindsEverySpecialByteAtEveryPlace) {
  for (std::size_t size = 0; size <= 40; ++size) {
    for (int byte = 0; byte < 256; ++byte) {
      const bool special = byte < 0x20 || byte == '"' || byte == '\\';
      for (std::size_t place = 0; place < size; ++place) {
        std::string text(size, '\xC3');
        text[place] = static_cast<char>(byte);
        const char* const end = text.data() + size;
        ASSERT_EQ(find_special(text.data(), end), special ? text.data() + place : end) << size << " " << byte << " " << place;
        ASSERT_EQ(written(text).size() > size + 2, special);
      }
    }
  }
}

TEST(JsonString, RandomTextReadsBackTheSame) {
  SeededRandom random(7);
  static constexpr const char* kPieces[] = {"a",   "\"", "\\", "\n", "\x01", "\x1f", " ", "ü", "☃", "🎈", "\t", "/", "0123456789abcdefghijklmnop",
                                            "\x7f"};
  for (int round = 0; round < 20'000; ++round) {
    std::string text;
    for (auto pieces = random.below(40); pieces > 0; --pieces) text += kPieces[random.below(std::size(kPieces))];
    const std::string json = written(text);
    ASSERT_EQ(json.find_first_of("\n\r"), std::string::npos);
    ASSERT_EQ(nlohmann::json::parse(json).get<std::string>(), text);
  }
}

TEST(JsonString, LongTextsComeInPieces) {
  for (const std::size_t size : {4095U, 4096U, 4097U, 8192U, 100'000U}) {
    std::string text(size, 'x');
    text.back() = '"';
    text[size / 2] = '\n';
    EXPECT_EQ(nlohmann::json::parse(written(text)).get<std::string>(), text);
    EXPECT_EQ(nlohmann::json::parse(written(std::string(size, '\x02'))).get<std::string>(), std::string(size, '\x02'));
  }
}

}  // namespace
}  // namespace luge
