#pragma once
#include <string>
#include <vector>

#include "app/verify/canonical_sql.h"
#include "model/pg_type.h"
#include "model/value_type.h"

namespace luge {

/// A column that both sides have.
struct ComparedColumn {
  std::string source_name;
  std::string mirror_name;
  std::shared_ptr<const PgType> type;
  ValueType value;
  bool in_key = false;
};

/// One table as both sides know it.
struct ComparedTable {
  std::string source_relation;  ///< quoted, with ONLY where it has to be, and the publication's row filter as WHERE
  std::string source_filter;    ///< "" or SQL
  std::string mirror_relation;  ///< quoted
  std::string mirror_filter;    ///< "" or SQL: rows that count
  MirrorKind mirror = MirrorKind::duckdb;
  std::vector<ComparedColumn> columns;
  bool keyless() const;
};

/// The statements of one side. Rows of the statements, all text:
///   totals:  count, sum of the first halves, sum of the second halves
///   buckets: first hexadecimal digits of the key's hash, then as totals
///   rows:    hash of the key, hash of the row, the key for people
class ComparisonSql {
 public:
  enum class Side : char { source, mirror };
  ComparisonSql(const ComparedTable& table, Side side);

  std::string totals() const;
  std::string buckets(unsigned digits) const;
  std::string rows(const std::vector<std::string>& buckets) const;

 private:
  std::string hashed() const;  ///< SELECT k, r, p: key hash, row hash, key for people

  Side side_;
  MirrorKind mirror_;
  std::string hashed_;
};

}  // namespace luge
