#include "service/http/admin_token.h"

#include <array>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <string_view>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "state/private_path.h"

namespace luge {

namespace {

constexpr std::size_t kLeastLength = 16;
constexpr std::size_t kMostLength = 1024;

/// A descriptor that is closed at the end.
struct File {
  explicit File(int opened) : descriptor(opened) {}
  ~File() {
    if (descriptor >= 0) ::close(descriptor);
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  const int descriptor;
};

Error token_error(const std::string& what, const std::string& hint) { return fatal("token_file", what, hint); }

Result<std::string> make_token(const std::string& path) {
  std::array<unsigned char, 32> bytes{};
  if (::getrandom(bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size())) return token_error("the system gives no random numbers", {});
  constexpr std::string_view kHex = "0123456789abcdef";
  std::string token;
  for (const unsigned char byte : bytes) {
    token += kHex[byte >> 4U];
    token += kHex[byte & 15U];
  }
  if (const auto trouble = write_new_private_file(path, token + "\n")) {
    return token_error("cannot write " + path + ": " + std::strerror(trouble->number), "check the owner, the mode and the space of the directory");
  }
  return token;
}

}  // namespace

Result<std::string> load_or_make_token(const std::string& path) {
  const File file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.descriptor < 0 && errno == ENOENT) return make_token(path);
  struct stat facts {};
  if (file.descriptor < 0 || ::fstat(file.descriptor, &facts) != 0) {
    return token_error("cannot read " + path + ": " + std::strerror(errno), "check its owner and its mode");
  }
  if ((facts.st_mode & (S_IRWXG | S_IRWXO)) != 0) return token_error(path + " may be read by others", "chmod 600 " + path);
  std::array<char, kMostLength> text{};
  const ssize_t length = ::read(file.descriptor, text.data(), text.size());
  std::string token(text.data(), length > 0 ? static_cast<std::size_t>(length) : 0);
  while (!token.empty() && (token.back() == '\n' || token.back() == '\r' || token.back() == ' ')) token.pop_back();
  if (token.size() < kLeastLength) {
    return token_error("the token in " + path + " is shorter than " + std::to_string(kLeastLength) + " characters",
                       "remove the file: luge makes a good one");
  }
  return token;
}

}  // namespace luge
