#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "model/table_schema.h"
#include "postgres/connection.h"

namespace luge {

/// A publication as the catalog has it; its tables, filters and column lists come with CatalogReader.
struct PublicationFacts {
  Oid oid = 0;
  bool all_tables = false;
  bool schemas = false;           ///< has TABLES IN SCHEMA members (15+)
  bool inserts = true, updates = true, deletes = true, truncates = true;
  bool via_partition_root = false;
  struct Partition {
    TableName name, root;
    bool member = false;          ///< itself, while its root is none
  };
  std::vector<Partition> partitions;  ///< whose changes would come under the partition's own name; when they are many, some
  std::string owner;
  bool owned = false;             ///< this role may alter it
  bool made_by_luge = false;      ///< says its comment: luge may add tables to it, and `drop` removes it
};

/// An SQL condition on the OID `publication`: its comment says that luge made it. Taking the comment away makes it its owner's.
std::string made_by_luge(std::string_view publication);

/// nullopt: there is none of that name.
Result<std::optional<PublicationFacts>> read_publication(Connection& sql, std::string_view name);

/// CREATE PUBLICATION … FOR TABLE … WITH (publish_via_partition_root = true), with the comment that says whose it is, in one transaction.
/// An empty list makes an empty publication.
/// Errors: 42501 with the GRANT that is missing; 42710: exists already.
Status create_publication(Connection& sql, std::string_view name, const std::vector<TableName>& tables);

/// ALTER PUBLICATION … ADD TABLE; tables that are members already are an error 42710.
Status add_to_publication(Connection& sql, std::string_view name, const std::vector<TableName>& tables);

/// True: there was one.
Result<bool> drop_publication(Connection& sql, std::string_view name);

/// Whether luge can follow a publication that somebody else made: all kinds of changes, and partitioned tables through their root.
/// stop_pipeline "publication" with the ALTER that helps.
Status check_adoptable(std::string_view name, const PublicationFacts& facts);

}  // namespace luge
