#include "golden/golden_file.h"

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "base/ensure.h"

namespace luge {

namespace {

std::string from_hex(std::string_view hex) {
  ENSURE(hex.size() % 2 == 0, "half a byte in a golden file");
  std::string bytes;
  bytes.reserve(hex.size() / 2);
  for (std::size_t at = 0; at < hex.size(); at += 2) {
    unsigned byte = 0;
    const auto [end, error] = std::from_chars(hex.data() + at, hex.data() + at + 2, byte, 16);
    ENSURE(error == std::errc{} && end == hex.data() + at + 2, "a golden file's payload is not hexadecimal");
    bytes.push_back(static_cast<char>(byte));
  }
  return bytes;
}

GoldenFile read_golden_file(const std::filesystem::path& path) {
  constexpr std::string_view kOptions = "# options: ";
  GoldenFile golden;
  golden.name = path.stem().string();
  std::ifstream in(path);
  for (std::string line; std::getline(in, line);) {
    if (line.starts_with(kOptions)) {
      std::istringstream words(line.substr(kOptions.size()));
      for (std::string word; words >> word;) golden.options[word.substr(0, word.find('='))] = word.substr(word.find('=') + 1);
    } else if (line.starts_with("< ")) {
      golden.payloads.push_back(from_hex(std::string_view(line).substr(2)));
    } else if (!line.starts_with('#')) {
      golden.lines.push_back(line);
    }
  }
  ENSURE(!golden.payloads.empty() && !golden.lines.empty(), "a golden file without content");
  return golden;
}

}  // namespace

std::vector<GoldenFile> read_golden_files() {
  std::vector<GoldenFile> files;
  for (const auto& entry : std::filesystem::directory_iterator(LUGE_GOLDEN_DIRECTORY)) {
    if (entry.path().extension() == ".golden") files.push_back(read_golden_file(entry.path()));
  }
  ENSURE(!files.empty(), "no golden files: the tests would prove nothing");
  std::sort(files.begin(), files.end(), [](const GoldenFile& a, const GoldenFile& b) { return a.name < b.name; });
  return files;
}

}  // namespace luge
