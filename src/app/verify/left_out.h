#pragma once
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "app/verify/mirror_tables.h"
#include "app/verify/verify_report.h"
#include "source/catalog_reader.h"
#include "source/table_finding.h"

namespace luge {

/// Which tables a comparison should speak of.
struct VerifyScope {
  std::function<bool(const TableName&)> selected = [](const TableName&) { return true; };  ///< as `run --tables`
  std::vector<TableName> named;  ///< on the command line; empty: all
  std::string publication;

  bool covers(const TableName& name) const;
};

/// Tables of the scope that cannot be compared because the mirror does not follow them, each with the reason: selected ones of the source
/// that it never took in, and those it gave up, as long as the source has them or they were named. `source` and `mirror` as of one LSN.
/// `obstacles`: why luge does not publish some of them by itself.
std::vector<TableComparison> left_out_tables(const std::vector<ListedTable>& source, const std::vector<TableOfMirror>& mirror,
                                             const VerifyScope& scope, const std::map<RelationOid, TableFinding>& obstacles);

}  // namespace luge
