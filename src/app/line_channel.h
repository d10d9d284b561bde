#pragma once
#include <cstddef>
#include <string>
#include <string_view>

#include "base/result.h"

namespace luge {

/// Sends everything; false: the other side has gone.
bool send_all(int socket, std::string_view bytes);

/// Cuts what arrives on a blocking socket into lines. Borrowed socket.
class LineReader {
 public:
  LineReader(int socket, std::size_t longest_line) : socket_(socket), longest_line_(longest_line) {}
  /// The next line without its end. Errors, all "control": closed before a line was whole, too long, timed out.
  Result<std::string> next();

 private:
  int socket_;
  std::size_t longest_line_;
  std::string buffer_;
};

}  // namespace luge
