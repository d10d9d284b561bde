#include "app/demo/temporary_directory.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace luge {

Result<std::unique_ptr<TemporaryDirectory>> TemporaryDirectory::make(const std::string& prefix) {
  std::string path = (std::filesystem::temp_directory_path() / (prefix + "-XXXXXX")).string();
  if (::mkdtemp(path.data()) == nullptr) return fatal("demo", "cannot make a directory in " + std::filesystem::temp_directory_path().string());
  return std::unique_ptr<TemporaryDirectory>(new TemporaryDirectory(std::move(path)));
}

TemporaryDirectory::~TemporaryDirectory() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

std::string last_line(const std::string& path) {
  std::ifstream file(path);
  std::string last;
  for (std::string line; std::getline(file, line);) {
    if (!line.empty() && !line.starts_with("  ")) last = line;  // a hint is indented, and less than what it is a hint to
  }
  return last;
}

}  // namespace luge
