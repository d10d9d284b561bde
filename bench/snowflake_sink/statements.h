#pragma once
#include <map>
#include <mutex>
#include <string>

namespace luge::sink {

/// Answers luge's SQL as an account would that has the tables luge made and nothing in them. Thread-safe.
class Statements {
 public:
  struct Answer {
    int status = 200;
    std::string body;
  };
  Answer answer(const std::string& request);

 private:
  std::mutex mutex_;
  std::map<std::string, std::string> comments_;  ///< of tables made with one: luge knows its control table by it
};

}  // namespace luge::sink
