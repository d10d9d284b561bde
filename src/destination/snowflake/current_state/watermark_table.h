#pragma once
#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "base/result.h"
#include "destination/snowflake/sql/sql_client.h"
#include "model/position.h"
#include "model/table_schema.h"

namespace luge {

/// Up to where a table's log is merged: a row of "_LUGE_WATERMARKS", moved in the transaction that merges.
struct Watermark {
  Position position;            ///< merged up to here, inclusive
  std::uint64_t generation = 0; ///< of the table's data: the copy's attempt
};

/// No table's: the row of what all tables have in common.
inline constexpr RelationOid kCommonOid = 0;

/// The table "_LUGE_WATERMARKS" of one pipeline, in luge's own schema. It gives statements, without ";".
class WatermarkTable {
 public:
  /// `schema`: where luge's own tables are, not quoted.
  WatermarkTable(std::string schema, std::string pipeline);

  std::string create_sql() const;
  /// All of the pipeline's, one row a table, and kCommonOid's.
  std::string read_sql() const;
  static Result<std::map<RelationOid, Watermark>> read(const SqlResult& result);
  /// One table's.
  std::string read_one_sql(RelationOid oid) const;

  /// A new generation begins at `floor`. Does nothing where that generation, or a newer one, has begun: it may be ahead of `floor` by now.
  std::string begin_sql(RelationOid oid, const Watermark& floor) const;
  std::string forget_sql(RelationOid oid) const;

  /// Moves the watermark and signs it, if it is where `from` says. First in the transaction: it takes the table's lock, so two that run at once
  /// (an old process; a repeat of a request whose answer was lost) follow each other, and only one of them finds `from`.
  std::string claim_sql(RelationOid oid, const Watermark& from, const Position& to, const std::string& signature) const;
  /// A condition: this transaction's claim has moved the watermark.
  std::string claimed_sql(RelationOid oid, const std::string& signature) const;
  /// Within it: every table of the pipeline is complete up to `common`. A row of its own, with the oid 0; it never moves back.
  std::string publish_sql(RelationOid oid, const std::string& signature, const Position& common) const;
  /// Last in the transaction: takes the signature away again, so that the very same request, sent a second time, finds neither.
  std::string seal_sql(RelationOid oid, const std::string& signature) const;

 private:
  std::string row_sql(RelationOid oid) const;

  std::string table_;
  std::string pipeline_;
};

}  // namespace luge
