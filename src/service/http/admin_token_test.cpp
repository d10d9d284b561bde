#include "service/http/admin_token.h"

#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

namespace luge {
namespace {

namespace fs = std::filesystem;

class AdminToken : public testing::Test {
 protected:
  AdminToken() : directory_(fs::temp_directory_path() / ("luge_admin_token_" + std::to_string(::getpid()))) { fs::create_directories(directory_); }
  ~AdminToken() override { fs::remove_all(directory_); }
  std::string path() const { return directory_ / "admin.token"; }
  void write(const std::string& text, fs::perms mode) const {
    std::ofstream(path()) << text;
    fs::permissions(path(), mode);
  }

 private:
  fs::path directory_;
};

constexpr fs::perms kPrivate = fs::perms::owner_read | fs::perms::owner_write;

TEST_F(AdminToken, IsMadeOnceAndKept) {
  const auto made = load_or_make_token(path());
  ASSERT_TRUE(made) << made.error().message();
  EXPECT_EQ(made->size(), 64U);
  struct stat facts {};
  ASSERT_EQ(::stat(path().c_str(), &facts), 0);
  EXPECT_EQ(facts.st_mode & 0777U, 0600U);
  const auto again = load_or_make_token(path());
  ASSERT_TRUE(again);
  EXPECT_EQ(*again, *made);
}

TEST_F(AdminToken, LineEndsAreNoPartOfIt) {
  write("correct horse battery\r\n", kPrivate);
  const auto token = load_or_make_token(path());
  ASSERT_TRUE(token);
  EXPECT_EQ(*token, "correct horse battery");
}

TEST_F(AdminToken, IsRefusedWhenOthersMayReadItOrItIsShort) {
  write("0123456789abcdef", kPrivate | fs::perms::group_read);
  const auto open = load_or_make_token(path());
  ASSERT_FALSE(open);
  EXPECT_EQ(open.error().code, "token_file");
  EXPECT_NE(open.error().hint.find("chmod 600"), std::string::npos);
  write("short", kPrivate);
  EXPECT_FALSE(load_or_make_token(path()));
  write("", kPrivate);
  EXPECT_FALSE(load_or_make_token(path()));
  EXPECT_FALSE(load_or_make_token(path() + ".d/none/token"));
}

}  // namespace
}  // namespace luge
