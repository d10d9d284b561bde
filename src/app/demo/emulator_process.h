#pragma once
#include <string>
#include <vector>

#include "app/demo/child.h"
#include "base/result.h"

namespace luge {

/// A Snowflake emulator of one's own on free loopback ports, ended with this object.
class EmulatorProcess {
 public:
  /// `program` is emulator/run of luge's source tree. `directory` is empty and takes everything; every database has a schema PUBLIC.
  static Result<EmulatorProcess> start(const std::string& program, const std::string& directory, const std::vector<std::string>& databases);

  /// The section `snowflake` that leads to it: over TLS for the SDK, which speaks nothing else, else over plain HTTP.
  std::string config(const std::string& transport, const std::string& database) const;
  /// The first row of an administrator's statement, which is given to the emulator itself and not through luge.
  Result<std::vector<std::string>> run(const std::string& database, const std::string& sql) const;
  int http_port() const { return http_port_; }

 private:
  explicit EmulatorProcess(Child child) : child_(std::move(child)) {}
  Child child_;
  int http_port_ = 0;
  int https_port_ = 0;
  int control_port_ = 0;
  std::string ca_file_;
  std::string private_key_file_;
};

}  // namespace luge
