#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace luge {

/// Who may ask what. Everything that changes state needs the token, and no page of another site gets in: neither through a name that
/// was rebound to this machine (Host) nor through a browser that carries a foreign page's request (Origin).
class RequestGuard {
 public:
  struct Options {
    std::string token;                     ///< empty: nothing that changes state is allowed
    bool token_for_reading = false;        ///< everything but /health and /ready needs it
    std::vector<std::string> host_names;   ///< beside localhost and plain IP addresses: names this server is reached by
  };
  struct Facts {
    std::string_view method, path;
    std::optional<std::string_view> host, origin, authorization, fetch_site;  ///< headers; empty: absent
  };
  struct Refusal {
    int status = 403;
    std::string code, what, hint;
  };

  explicit RequestGuard(Options options) : options_(std::move(options)) {}

  /// nullopt: go on.
  std::optional<Refusal> refusal(const Facts& facts) const;

 private:
  bool knows_host(std::string_view host) const;
  bool has_token(std::optional<std::string_view> authorization) const;

  Options options_;
};

/// Takes the same time wherever they differ.
bool equal_in_constant_time(std::string_view a, std::string_view b);

}  // namespace luge
