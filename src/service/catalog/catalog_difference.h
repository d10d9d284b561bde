#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "service/catalog/catalog_rows.h"

namespace luge {

/// What a declarative document (luge apply -f luge.yaml) wants the catalog to hold. What a row does not say is at its default, except
/// `desired` of a pipeline: "" leaves it as it is, and starts a new one.
struct CatalogDocument {
  std::vector<SourceRow> sources;
  std::vector<DestinationRow> destinations;
  std::vector<PipelineRow> pipelines;
};

/// How one row would change.
struct RowChange {
  enum class What : std::uint8_t { added, changed, removed };
  struct Field {
    std::string name;           ///< "tables", "options.on_gap"
    std::string before, after;  ///< as people may see them: secrets hidden unless they are references; "" is none
  };
  What what = What::added;
  RowKind kind = RowKind::pipeline;
  std::string name;
  std::vector<Field> fields;    ///< of a removed row: none
};

struct CatalogDifference {
  std::int64_t revision = 0;        ///< of the catalog it was made from: edit() takes it, so that what was shown is what is done
  std::vector<RowChange> changes;   ///< sources, destinations, pipelines; by name
  std::vector<CatalogEdit> edits;   ///< in an order in which each can be done
};

/// `prune`: what the document does not name is removed; otherwise it is left alone.
CatalogDifference difference(const CatalogDocument& wanted, const CatalogContents& present, bool prune);

/// For people: "+ pipeline shop", "~ pipeline shop" with its fields below, "- source old". Empty: nothing would change.
std::string difference_text(const CatalogDifference& found);

}  // namespace luge
