#pragma once
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "service/alert/known_alerts.h"
#include "service/catalog/pipeline_catalog.h"

namespace luge {

/// Keeps in the catalog what receivers have been told, for whoever speaks for it next: this process after a restart, or another one. A catalog
/// that does not answer is no reason to stop: then somebody may be told twice. Of one thread.
class AlertKeeper {
 public:
  static constexpr std::string_view kNotKept = "service";  ///< the scope of what is wrong with the process itself

  /// `catalog` must outlive it.
  explicit AlertKeeper(PipelineCatalog& catalog) : catalog_(catalog) {}

  /// Everything that is kept, but for this process's own. nullopt: the catalog does not answer.
  std::optional<std::vector<KnownAlert>> read_others();
  /// These are this process's from now on: keep() removes what is over.
  void take(const std::vector<KnownAlert>& alerts);
  /// Another process keeps what is of this scope.
  void leave(std::string_view scope);
  /// All that this process knows; writes what is new, and removes what it kept and does not know any more.
  void keep(const std::vector<KnownAlert>& alerts);

 private:
  bool note(const Status& status, const char* consequence);

  PipelineCatalog& catalog_;
  std::map<std::string, AlertRow, std::less<>> kept_;  ///< this process's, as they stand in the catalog; by key
  bool failing_ = false;
};

}  // namespace luge
