#include "app/destination_checks.h"

#include <array>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <sys/statvfs.h>
#include <unistd.h>

#include "app/option_value.h"

namespace luge {

namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kLittleSpace = 1ULL << 30;

/// The deepest directory of `path` that exists.
fs::path existing_parent(fs::path path) {
  std::error_code ignored;
  while (!path.empty() && !fs::is_directory(path, ignored) && path != path.parent_path()) path = path.parent_path();
  return path;
}

std::string pid_of_locker(int file) {
  struct flock lock {};
  lock.l_type = F_WRLCK;
  lock.l_whence = SEEK_SET;
  if (::fcntl(file, F_GETLK, &lock) != 0 || lock.l_type == F_UNLCK) return {};
  return std::to_string(lock.l_pid);
}

/// DuckDB's main header: an 8-byte checksum, then "DUCK".
bool looks_like_duckdb(int file) {
  std::array<char, 4> magic{};
  return ::pread(file, magic.data(), magic.size(), 8) == 4 && std::memcmp(magic.data(), "DUCK", 4) == 0;
}

std::vector<Check> check_existing_file(const std::string& path) {
  const int file = ::open(path.c_str(), O_RDWR | O_CLOEXEC);
  if (file < 0)
    return {problem("destination", "cannot write " + path + ": " + std::strerror(errno), "check the file's owner and mode, or choose another --to")};
  std::vector<Check> checks;
  const std::string holder = pid_of_locker(file);
  if (!holder.empty()) {
    checks.push_back(problem("locked", "process " + holder + " has " + path + " open, and DuckDB admits one process only",
                             "end that process; to ask the mirror while luge runs use `luge query`"));
  } else if (fs::file_size(path) > 0 && !looks_like_duckdb(file)) {
    checks.push_back(problem("foreign", path + " is not a DuckDB file", "choose another --to"));
  } else {
    checks.push_back(good("destination", path + " exists and is writable"));
  }
  ::close(file);
  return checks;
}

}  // namespace

std::vector<Check> check_destination(const PipelinePlaces& places) {
  const std::string& path = places.destination.path;
  std::vector<Check> checks;
  std::error_code ignored;
  if (places.destination.kind == DestinationName::Kind::duckdb) {
    if (fs::is_directory(path, ignored))
      return {problem("destination", path + " is a directory", "name a file, for example duckdb:" + path + "/mirror.duckdb")};
    const fs::path parent = fs::path(path).parent_path();
    if (fs::exists(path, ignored)) {
      checks = check_existing_file(path);
    } else if (!fs::is_directory(parent, ignored)) {
      checks.push_back(problem("destination", "there is no directory " + parent.string(), "mkdir -p " + parent.string()));
    } else if (::access(parent.c_str(), W_OK | X_OK) != 0) {
      checks.push_back(problem("destination", "cannot create files in " + parent.string() + ": " + std::strerror(errno),
                               "check its owner and mode, or choose another --to"));
    } else {
      checks.push_back(good("destination", path + " will be created"));
    }
  }
  const fs::path home = existing_parent(places.directory);
  if (::access(home.c_str(), W_OK | X_OK) != 0) {
    checks.push_back(problem("directory", "cannot create files in " + home.string() + ": " + std::strerror(errno), "check its owner and mode"));
  }
  struct statvfs space {};
  if (::statvfs(home.c_str(), &space) == 0) {
    const std::uint64_t free = static_cast<std::uint64_t>(space.f_bavail) * space.f_frsize;
    if (free < kLittleSpace)
      checks.push_back(warning("disk_space", "only " + format_bytes(free) + " are free in " + home.string(),
                               "free space; a copy needs about the size of the tables"));
  }
  return checks;
}

}  // namespace luge
