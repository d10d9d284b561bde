#pragma once
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <sys/types.h>
#include <vector>

namespace luge {

/// The Snowflake emulator (docs/reference/emulator.md) in a process of its own: free loopback ports, a temporary directory, a user LUGE with
/// a key pair and an OAuth client, the database DB with the schema PUBLIC. It is ended by its own process id in the destructor, and by the kernel if the
/// test's main thread ends first: make and start it there. Its Python comes from `tools/setup --with emulator`; a test that needs it is called
/// *_emulator_test.cpp and runs in the suite "snowflake", not in "unit". Failures abort the test with a message.
class SnowflakeEmulator {
 public:
  using Json = nlohmann::json;
  using Row = std::vector<std::optional<std::string>>;

  /// `options`: more words of its command line, such as "--strict" or "--commit-delay=500".
  explicit SnowflakeEmulator(std::vector<std::string> options = {});
  ~SnowflakeEmulator();
  SnowflakeEmulator(const SnowflakeEmulator&) = delete;
  SnowflakeEmulator& operator=(const SnowflakeEmulator&) = delete;

  /// One for all tests of a process, without options, started at the first call. Whoever changes its faults or settings calls calm() after.
  static SnowflakeEmulator& shared();

  std::string url() const { return "http://127.0.0.1:" + std::to_string(http_port_); }
  std::string https_url() const { return "https://localhost:" + std::to_string(https_port_); }
  int http_port() const { return http_port_; }
  int https_port() const { return https_port_; }
  int control_port() const { return control_port_; }
  const std::string& ca_file() const { return ca_file_; }
  const std::string& private_key_file() const { return private_key_file_; }
  /// Of the user LUGE.
  const std::string& oauth_client_id() const { return oauth_client_id_; }
  const std::string& oauth_client_secret() const { return oauth_client_secret_; }
  const std::string& oauth_refresh_token() const { return oauth_refresh_token_; }
  std::string account() const { return "LUGE"; }
  std::string user() const { return "LUGE"; }
  std::string database() const { return "DB"; }
  std::string schema() const { return "PUBLIC"; }

  /// kill -9: what was not committed is lost.
  void kill();
  /// SIGTERM, as an operator would.
  void stop();
  /// Again on the same ports and the same directory.
  void start();
  bool running() const { return server_ != 0; }

  /// A request to the control port: its name without slash, with a query if need be ("requests?since=0"), and what it takes.
  Json control(const std::string& name, const std::string& method = "POST", const Json& fields = Json::object()) const;
  Json look(const std::string& name) const { return control(name, "GET"); }
  void fault(const Json& fault) const { control("faults", "POST", fault); }
  /// No faults, commits go on.
  void calm() const;
  /// Statements separated by ";" as an administrator in DB.PUBLIC. The rows of the last one, as text.
  std::vector<Row> sql(const std::string& statement) const;
  /// The first cell of sql(); "NULL" for a NULL, "" without rows.
  std::string cell(const std::string& statement) const;

  const std::string& directory() const { return directory_; }

 private:
  void end(int signal_number);

  std::string directory_;
  std::vector<std::string> options_;
  int http_port_ = 0;
  int https_port_ = 0;
  int control_port_ = 0;
  std::string ca_file_;
  std::string private_key_file_;
  std::string oauth_client_id_;
  std::string oauth_client_secret_;
  std::string oauth_refresh_token_;
  pid_t server_ = 0;
};

}  // namespace luge
