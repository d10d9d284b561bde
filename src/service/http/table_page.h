#pragma once
#include <cstddef>
#include <map>
#include <string>
#include <vector>

#include "base/result.h"
#include "service/status_document.h"

namespace luge {

/// Which tables of a pipeline are asked for: there may be ten thousand.
struct TablePageQuery {
  static constexpr std::size_t kMostLimit = 1000;

  std::size_t offset = 0;
  std::size_t limit = 100;
  std::string state;   ///< empty: any
  std::string search;  ///< part of schema.table, whatever its case; empty: any

  /// Of `offset`, `limit`, `state` and `search` of a request. Errors: "usage".
  static Result<TablePageQuery> parse(const std::map<std::string, std::string>& query);
};

struct TablePage {
  std::vector<const StatusDocument::Table*> tables;  ///< of the document, by name
  std::size_t total = 0;                             ///< that match, on all pages
};

/// `document` outlives the page.
TablePage page_of(const StatusDocument& document, const TablePageQuery& query);

/// A count of a query: `fallback` if it is absent. Errors: "usage" when it is no number or more than `most`.
Result<std::size_t> count_of(const std::map<std::string, std::string>& query, const std::string& name, std::size_t fallback, std::size_t most);

}  // namespace luge
