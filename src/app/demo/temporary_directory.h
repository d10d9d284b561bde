#pragma once
#include <memory>
#include <string>

#include "base/result.h"

namespace luge {

/// A new directory that goes with this object, and all in it.
class TemporaryDirectory {
 public:
  static Result<std::unique_ptr<TemporaryDirectory>> make(const std::string& prefix);
  ~TemporaryDirectory();
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
  const std::string& path() const { return path_; }

 private:
  explicit TemporaryDirectory(std::string path) : path_(std::move(path)) {}
  const std::string path_;
};

/// The last line of a log that says something, for a child that did not do as it should.
std::string last_line(const std::string& path);

}  // namespace luge
