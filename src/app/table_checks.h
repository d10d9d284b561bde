#pragma once
#include <vector>

#include "app/check.h"
#include "model/catalog_table.h"
#include "source/catalog_reader.h"

namespace luge {

/// Pure checks of the tables that would be followed.

/// Two tables, or two columns of one table, whose names are one name to a destination that ignores case.
std::vector<Check> check_folding_names(const std::vector<CatalogTable>& tables, bool log_mode);

/// Findings of one kind as one check that names all their tables.
struct FindingPolicy {
  enum class Tables : char {
    to_publish,      ///< luge would publish them now
    published,       ///< they are in the publication already
    not_published,   ///< they match, but luge takes them in later, when it may
  };
  Tables tables = Tables::to_publish;
  bool first_start = true;  ///< nothing is copied yet
  bool allow_no_identity = false;
};
std::vector<Check> check_findings(const std::vector<TableFinding>& findings, const FindingPolicy& policy);

}  // namespace luge
