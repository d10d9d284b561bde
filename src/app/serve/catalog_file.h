#pragma once
#include <string>

#include "base/result.h"
#include "service/catalog/catalog_difference.h"

namespace luge {

/// The document of `luge apply -f`:
///
///     sources: {shop: {conninfo: "postgres://app:${SHOP_PASSWORD}@db/shop"}}
///     destinations: {lake: {address: duckdb:/data/shop.duckdb}}
///     pipelines: {shop: {source: shop, destination: lake, tables: ["public.*"], on_gap: resync}}
///
/// Below a name stand the row's columns, everything else is an option. ${NAME} stays as it is: it is replaced when the pipeline starts.
/// `name` is for messages. Errors: usage.
Result<CatalogDocument> read_catalog_file(const std::string& yaml, const std::string& name);

}  // namespace luge
