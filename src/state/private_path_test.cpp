#include "state/private_path.h"

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <iterator>
#include <unistd.h>

namespace luge {
namespace {

class PrivatePath : public ::testing::Test {
 protected:
  PrivatePath() {
    std::string made = (std::filesystem::temp_directory_path() / "luge-private-XXXXXX").string();
    directory_ = ::mkdtemp(made.data());
  }
  ~PrivatePath() override { std::filesystem::remove_all(directory_); }

  static std::string content(const std::string& path) {
    std::ifstream file(path);
    return {std::istreambuf_iterator<char>(file), {}};
  }

  std::string directory_;
};

TEST_F(PrivatePath, ANewFileIsItsOwnersAlone) {
  const std::string path = directory_ + "/key";
  ASSERT_FALSE(write_new_private_file(path, "secret\n"));
  EXPECT_EQ(content(path), "secret\n");
  EXPECT_EQ(std::filesystem::status(path).permissions(), std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
}

TEST_F(PrivatePath, WhatIsThereStaysAsItIs) {
  const std::string path = directory_ + "/key";
  ASSERT_FALSE(write_new_private_file(path, "first"));
  const auto trouble = write_new_private_file(path, "second");
  ASSERT_TRUE(trouble);
  EXPECT_EQ(trouble->number, EEXIST);
  EXPECT_EQ(content(path), "first");
}

TEST_F(PrivatePath, ALinkIsNotFollowed) {
  const std::string elsewhere = directory_ + "/elsewhere";
  std::filesystem::create_symlink(elsewhere, directory_ + "/key");
  ASSERT_TRUE(write_new_private_file(directory_ + "/key", "secret"));
  EXPECT_FALSE(std::filesystem::exists(elsewhere));
}

TEST_F(PrivatePath, AMissingDirectoryIsTold) {
  const auto trouble = write_new_private_file(directory_ + "/none/key", "secret");
  ASSERT_TRUE(trouble);
  EXPECT_EQ(trouble->number, ENOENT);
}

}  // namespace
}  // namespace luge
