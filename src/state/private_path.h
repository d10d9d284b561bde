#pragma once
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

namespace luge {

/// What of luge's own could not be made, and why (errno).
struct PathTrouble {
  std::string path;
  int number = 0;
};

/// The directory and those above it that are missing, for their owner only (0700). nullopt: it is there.
std::optional<PathTrouble> make_private_directories(const std::filesystem::path& directory);

/// The file and its directories, for their owner only (0600). nullopt: it is there, to be read and written. A file that is there already is not
/// opened: to close any descriptor of a file drops every lock that this process holds on it, and an SQLite connection of the process may need
/// them (fcntl(2); "How To Corrupt An SQLite Database File", 2.2).
std::optional<PathTrouble> make_private_file(const std::string& path);

/// A file that is not there yet, for its owner only (0600), on disk when this returns; no link is followed. nullopt: done. Otherwise no file is left
/// behind (errno EEXIST: the one that was there is untouched).
std::optional<PathTrouble> write_new_private_file(const std::string& path, std::string_view text);

}  // namespace luge
