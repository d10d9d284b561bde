#include "app/run_admin.h"

#include <charconv>
#include <utility>

#include "app/control_service.h"
#include "app/name_pattern.h"
#include "app/option_help.h"
#include "app/pipeline_host.h"
#include "app/usage_error.h"
#include "service/http/admin_token.h"

namespace luge {

namespace {

/// The one pipeline of this process, and its slot as the last connection saw it.
class HostView final : public AdminView {
 public:
  explicit HostView(PipelineHost& host) : host_(host) {}

  std::vector<PipelineReport> pipelines() const override { return {host_.report()}; }
  std::optional<PipelineReport> pipeline(std::string_view name) const override {
    if (name != host_.options().pipeline) return std::nullopt;
    return host_.report();
  }
  std::vector<SourceReport> sources() const override {
    const PipelineReport report = host_.report();
    const SlotFacts& facts = report.driver.slot;
    if (report.driver.server_version == 0 || !facts.exists) return {};
    SourceReport source;
    source.name = report.source;
    SourceReport::Slot& slot = source.slots.emplace_back();
    slot.name = report.slot;
    slot.active = report.driver.pipeline.session;
    slot.safe_wal_bytes = facts.safe_wal_bytes;
    slot.wal_status = facts.wal_status;
    return {source};
  }
  Status pause(const std::string& /*pipeline*/) override { return host_.driver().pause(true); }
  Status resume(const std::string& /*pipeline*/) override { return host_.driver().pause(false); }
  Result<std::vector<std::string>> resync(const std::string& /*pipeline*/, const std::string& pattern) override {
    return resync_tables(host_, pattern);
  }

 private:
  PipelineHost& host_;
};

/// "127.0.0.1:9000", "[::1]:9000".
Status set_place(AdminServerOptions& options, const std::string& text) {
  const std::size_t colon = text.rfind(':');
  const std::string digits = colon == std::string::npos ? "" : text.substr(colon + 1);
  options.address = text.substr(0, colon == std::string::npos ? 0 : colon);
  if (options.address.starts_with('[') && options.address.ends_with(']')) options.address = options.address.substr(1, options.address.size() - 2);
  const auto [end, problem] = std::from_chars(digits.data(), digits.data() + digits.size(), options.port);
  const bool good = problem == std::errc{} && end == digits.data() + digits.size() && options.port >= 0 && options.port <= 65'535;
  if (!good || options.address.empty()) return usage_error("--http: '" + text + "' is not ADDRESS:PORT", "write 127.0.0.1:9000");
  return ok();
}

}  // namespace

Status check_http(const Options& options) {
  AdminServerOptions ignored;
  return options.http.empty() ? ok() : set_place(ignored, options.http);
}

Result<AdminServerOptions> admin_server_options(const Options& options, const std::string& token_file) {
  AdminServerOptions server;
  CHECK_OK(set_place(server, options.http));
  TRY(server.guard.token, load_or_make_token(options.http_token_file.empty() ? token_file : options.http_token_file));
  server.guard.token_for_reading = options.http_token_for_reading;
  if (!options.http_names.empty()) server.guard.host_names = split_outside_quotes(options.http_names, ',');
  server.version = version_text().substr(version_text().find(' ') + 1);
  while (server.version.ends_with('\n')) server.version.pop_back();
  return server;
}

Result<std::unique_ptr<RunAdmin>> RunAdmin::start(PipelineHost& host) {
  auto admin = std::make_unique<RunAdmin>();
  const Options& options = host.options();
  if (options.http.empty()) return admin;
  TRY(AdminServerOptions server, admin_server_options(options, host.places().directory + "/admin.token"));
  admin->view_ = std::make_unique<HostView>(host);
  TRY(admin->server_, AdminServer::start(std::move(server), *admin->view_));
  return admin;
}

}  // namespace luge
