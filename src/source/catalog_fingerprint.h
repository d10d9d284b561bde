#pragma once
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "model/pg_type.h"
#include "model/table_schema.h"
#include "postgres/connection.h"

namespace luge {

/// What of one table can change its rows, or how they read, without any event on the stream (reference page postgres, §6).
struct TableFingerprint {
  bool partitioned = false;
  std::uint32_t file_node = 0;       ///< as in CatalogTable
  std::string columns;               ///< digest of pg_attribute, row versions included
  std::string shape;                 ///< digest of what a TableSchema says: names, types, identity, published columns
  std::vector<std::int16_t> published;  ///< attnums of the columns whose values are on the stream
  std::int16_t newest_attnum = 0;       ///< the last one given out, dropped and unpublished columns included
  bool rewritten_by_alter = false;   ///< the version of pg_class is by the same transaction as that of one of its columns
  Oid membership = 0;                ///< pg_publication_rel.oid, else pg_publication_namespace.oid; 0: of a publication for all tables
  std::map<RelationOid, bool> partitions;  ///< every partition below it: true if it was attached, false if created as a partition
};

/// Types whose values read differently after an ALTER TYPE that emits nothing.
struct TypeFingerprint {
  std::map<Oid, std::pair<Oid, std::string>> enum_labels;  ///< pg_enum.oid -> (type, label)
  std::map<Oid, std::string> composites;                   ///< type -> digest of its attributes
};

struct CatalogFingerprint {
  Oid publication = 0;  ///< 0: there is none
  std::map<RelationOid, TableFingerprint> tables;
  TypeFingerprint types;
};

/// As text, for another process. decode: nothing if it is empty or of another version.
std::string encode_fingerprint(const CatalogFingerprint& fingerprint);
std::optional<CatalogFingerprint> decode_fingerprint(std::string_view text);

/// A few statements, whatever the number of tables. `oids` are the followed tables.
Result<CatalogFingerprint> read_fingerprint(Connection& sql, std::string_view publication, std::span<const RelationOid> oids);

/// Why the table's rows may differ from what the stream said; "" if they cannot. Pure.
/// Not reported: TRUNCATE, VACUUM FULL and CLUSTER of an ordinary table (a new file, the same columns), a partition created empty.
std::string explain_rewrite(const TableFingerprint& before, const TableFingerprint& now);
/// For a table that was copied by an earlier process: only its file node and its shape of that time (null: not copied) are known.
std::string explain_rewrite_since(std::uint32_t file_node_before, const TableSchema* shape_before, const TableFingerprint& now);

/// Types whose existing values read differently now: a renamed label, a changed composite. New labels and new types do not count.
std::vector<Oid> changed_types(const TypeFingerprint& before, const TypeFingerprint& now);

/// Which of `oids` have a column that rests on one of `types`, through domains, arrays, ranges and composites.
Result<std::vector<RelationOid>> tables_resting_on(Connection& sql, std::span<const Oid> types, std::span<const RelationOid> oids);

}  // namespace luge
