#pragma once
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/error.h"
#include "service/admin_view.h"
#include "service/history/pipeline_history.h"
#include "service/http/http_answer.h"

namespace luge {

/// /api/v1/…: what docs/reference/openapi.json describes. Thread-safe as far as the view is.
class AdminApi {
 public:
  /// Both outlive it.
  AdminApi(AdminView& view, const PipelineHistory& history, const Clock& clock) : view_(view), history_(history), clock_(clock) {}

  /// `request.path` begins with /api/v1/.
  HttpAnswer answer(const AdminRequest& request);

 private:
  HttpAnswer pipelines(const AdminRequest& request) const;
  HttpAnswer pipeline(const AdminRequest& request, const std::string& name, const std::string& rest);
  HttpAnswer tables(const AdminRequest& request, const PipelineReport& report) const;
  HttpAnswer history(const std::string& name) const;
  HttpAnswer sources() const;
  HttpAnswer alerts() const;
  HttpAnswer act(const std::string& name, bool paused);
  HttpAnswer resync(const std::string& name, const std::string& body);
  HttpAnswer log_level(const AdminRequest& request);
  /// Whether lines can be this component's.
  bool has_component(std::string_view component) const;

  AdminView& view_;
  const PipelineHistory& history_;
  const Clock& clock_;
};

HttpAnswer json_answer(int status, std::string body);
/// {"code", "what", "hint"}.
HttpAnswer error_answer(int status, const std::string& code, const std::string& what, const std::string& hint = {});
HttpAnswer error_answer(const Error& error);

}  // namespace luge
