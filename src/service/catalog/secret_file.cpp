#include "service/catalog/secret_file.h"

#include <cerrno>
#include <cstring>
#include <fstream>
#include <sys/stat.h>

#include "service/catalog/catalog_rows.h"

namespace luge {

Result<std::string> read_secret_file(const std::string& path, std::string_view where) {
  const auto refuse = [&](const std::string& why, std::string hint) {
    return fatal("secret_file", std::string(where) + ": the secret's file " + path + " " + why, std::move(hint));
  };
  struct stat facts {};
  if (::stat(path.c_str(), &facts) != 0) return refuse(std::string("cannot be read: ") + std::strerror(errno), "check path, owner and mode");
  if (!S_ISREG(facts.st_mode)) return refuse("is no file", "name a file that holds nothing but the secret");
  if ((facts.st_mode & (S_IRWXG | S_IRWXO)) != 0) return refuse("may be read by others", "chmod 600 " + path);
  std::ifstream file(path, std::ios::binary);
  std::string secret(kLongestCatalogText + 1, '\0');
  file.read(secret.data(), static_cast<std::streamsize>(secret.size()));
  if (file.bad() || !file.is_open()) return refuse("cannot be read", "check path, owner and mode");
  secret.resize(static_cast<std::size_t>(file.gcount()));
  if (secret.size() > kLongestCatalogText) return refuse("is longer than 64 KiB", "name a file that holds nothing but the secret");
  while (!secret.empty() && (secret.back() == '\n' || secret.back() == '\r')) secret.pop_back();
  return secret;
}

}  // namespace luge
