#pragma once
#include <string>

namespace luge {

// bind() and connect() of unix sockets at paths of any length: sun_path holds 107 bytes only, so a long path is reached through
// /proc/self/fd/<its directory>. Each returns 0 or an errno.

int bind_unix(int socket, const std::string& path);
int connect_unix(int socket, const std::string& path);

}  // namespace luge
