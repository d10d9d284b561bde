#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "service/alert/alert.h"

namespace luge {

/// An alert as it is kept for whoever speaks for its scope next: so that nobody is told again what he knows, and everybody that it is over.
struct KnownAlert {
  Alert alert;
  std::string scope;
  PgTimestamp since;
  std::vector<std::string> told;  ///< names of the receivers that know of it
};

/// As a JSON document, for whoever keeps it.
std::string write_known_alerts(const std::vector<KnownAlert>& alerts);
/// What it cannot read it leaves out: then somebody is told twice.
std::vector<KnownAlert> read_known_alerts(std::string_view document);

}  // namespace luge
