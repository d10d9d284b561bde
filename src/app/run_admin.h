#pragma once
#include <memory>
#include <string>

#include "base/result.h"
#include "service/admin_view.h"
#include "service/http/admin_server.h"

namespace luge {

class PipelineHost;
struct Options;

/// What the server is told by --http and its companions. `token_file`: unless --http-token-file names another one. Errors: usage, "token_file".
Result<AdminServerOptions> admin_server_options(const Options& options, const std::string& token_file);

/// Whether --http names a place, before anything begins. Errors: usage.
Status check_http(const Options& options);

/// Console, API and metrics of a single `luge run`.
class RunAdmin {
 public:
  /// Holds nothing unless --http asks for it. The host outlives it. Errors: usage, "listen", "token_file".
  static Result<std::unique_ptr<RunAdmin>> start(PipelineHost& host);

 private:
  std::unique_ptr<AdminView> view_;
  std::unique_ptr<AdminServer> server_;  ///< ends before the view
};

}  // namespace luge
