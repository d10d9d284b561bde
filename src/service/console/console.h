#pragma once
#include <string>

#include "base/clock.h"
#include "service/admin_view.h"
#include "service/history/pipeline_history.h"
#include "service/http/http_answer.h"

namespace luge {

/// The pages for people at /: rendered here, refreshed and given their buttons by one small script.
class Console {
 public:
  /// All outlive it.
  Console(const AdminView& view, const PipelineHistory& history, const Clock& clock, std::string version)
      : view_(view), history_(history), clock_(clock), version_(std::move(version)) {}

  /// Of a GET.
  HttpAnswer answer(const AdminRequest& request) const;

 private:
  HttpAnswer pipelines_page(const AdminRequest& request) const;
  HttpAnswer pipeline_page(const AdminRequest& request, const std::string& name) const;
  HttpAnswer page(int status, const std::string& title, const std::string& body) const;

  const AdminView& view_;
  const PipelineHistory& history_;
  const Clock& clock_;
  const std::string version_;
};

}  // namespace luge
