#pragma once
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace luge {

/// A request as the API and the console see it, whatever server took it.
struct AdminRequest {
  std::string method;                        ///< GET, POST, PUT, …; HEAD arrives as GET
  std::string path;                          ///< percent-decoded, without the query
  std::map<std::string, std::string> query;  ///< the first value of each name
  std::string body;
};

struct HttpAnswer {
  int status = 200;
  std::string type;  ///< Content-Type
  std::string body;
  std::vector<std::pair<std::string, std::string>> headers;
};

}  // namespace luge
