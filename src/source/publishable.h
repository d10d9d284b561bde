#pragma once
#include <optional>

#include "model/catalog_table.h"
#include "source/table_finding.h"

namespace luge {

/// Why luge does not publish `table` unasked: on a server of `version` the application's UPDATE and DELETE would fail from then on
/// (CheckCmdReplicaIdentity, execReplication.c), or arrive without naming their row. nullopt: nothing stands against it.
/// Whoever is about to put a table into a publication asks here first.
std::optional<TableFinding> against_publishing(const CatalogTable& table, int version);

inline bool publishable(const CatalogTable& table, int version) { return !against_publishing(table, version); }

/// A row of the table itself (of a partitioned one: of its root) can be named in an UPDATE or DELETE on the stream.
bool has_identity(const CatalogTable& table);

}  // namespace luge
