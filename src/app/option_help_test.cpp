#include "app/option_help.h"

#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <sstream>

namespace luge {
namespace {

/// This file, found through the path it was compiled with, which may be relative to the build directory.
std::filesystem::path this_file() {
  const std::filesystem::path compiled(__FILE__);
  if (std::filesystem::exists(compiled)) return compiled;
  for (auto directory = std::filesystem::read_symlink("/proc/self/exe").parent_path(); directory != directory.parent_path();
       directory = directory.parent_path()) {
    if (std::filesystem::exists(directory / compiled)) return directory / compiled;
  }
  return {};
}

TEST(OptionsReference, ThePageIsWhatTheTableSays) {
  const auto source = this_file();
  ASSERT_FALSE(source.empty());
  const auto page = std::filesystem::canonical(source).parent_path().parent_path().parent_path() / "docs/reference/options.md";
  std::ifstream file(page);
  ASSERT_TRUE(file) << page;
  std::ostringstream text;
  text << file.rdbuf();
  EXPECT_EQ(text.str(), options_reference()) << "luge help --markdown > docs/reference/options.md";
}

}  // namespace
}  // namespace luge
