#include "app/serve/alert_keeper.h"

#include <cctype>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <utility>

#include "base/log.h"
#include "state/private_path.h"

namespace luge {

namespace {

constexpr std::size_t kLongestName = 100;

std::string file_name_of(const std::string& catalog) {
  std::string name = "alerts-";
  for (const char c : catalog.substr(catalog.size() > kLongestName ? catalog.size() - kLongestName : 0))
    name += std::isalnum(static_cast<unsigned char>(c)) != 0 ? c : '_';
  return name + ".json";
}

std::string content_of(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

bool write_anew(const std::string& path, const std::string& text) {
  const std::string next = path + ".new";
  if (make_private_file(next)) return false;
  std::ofstream file(next, std::ios::trunc);
  file << text;
  file.close();
  return file && std::rename(next.c_str(), path.c_str()) == 0;
}

}  // namespace

AlertKeeper::AlertKeeper(const std::string& directory, const std::string& catalog) : path_(directory + "/" + file_name_of(catalog)) {
  if (make_private_directories(directory)) return;
  auto lock = InstanceLock::acquire(path_ + ".lock");
  if (!lock) return;
  lock_ = *std::move(lock);
  kept_ = content_of(path_);
}

std::vector<KnownAlert> AlertKeeper::known() const { return read_known_alerts(kept_); }

void AlertKeeper::keep(const std::vector<KnownAlert>& alerts) {
  if (!lock_) return;
  std::string text = write_known_alerts(alerts);
  if (text == kept_) return;
  if (write_anew(path_, text)) {
    kept_ = std::move(text);
    failing_ = false;
  } else if (!std::exchange(failing_, true)) {
    log_event(LogLevel::warn, "alerts_not_kept", "cannot write " + path_ + ": after a restart receivers are told again what they know");
  }
}

}  // namespace luge
