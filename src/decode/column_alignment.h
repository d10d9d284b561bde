#pragma once
#include <cstdint>
#include <vector>

#include "decode/message.h"
#include "model/catalog_table.h"
#include "model/table_schema.h"

namespace luge {

/// Which attnum each column of a Relation message is.
struct ColumnAlignment {
  enum class Kind : std::uint8_t {
    unique,
    none,     ///< no history explains it; or the table is gone, and this is not the shape it had before
    several,  ///< more than one history explains the message equally well
  };
  Kind kind = Kind::none;
  std::vector<std::int16_t> attnums;  ///< when unique: one per column of the message
};

/// Whether the transaction that wrote a message can be missing in the catalog: it was streamed before its commit, or was not visible yet.
enum class CatalogAge : std::uint8_t {
  may_be_behind,
  not_behind,  ///< the catalog was read by a snapshot that saw the transaction
};

/// The message names columns without attnums. It was written at or after `previous` (null: nothing known) and usually before the
/// catalog was read; only a transaction that altered the table itself can be ahead of it (streamed before its commit, or committed
/// but not visible yet). What is certain: the message is in the order of attnums, an attnum is never used again, and a dropped
/// column never comes back. Among the assignments that respect the order, the one that needs the least unlikely events (a rename
/// that neither side of the message shows, a changed type, a column that is left out, came and went unseen or is not committed) is
/// taken if there is only one. A tie is never broken by a guess. What `previous` knows of the newest attnum tells old columns from
/// new ones: a dropped one above it was added since, so new columns of the message take the lowest of those.
/// A column that would have come and gone unseen is taken for that only if no rename of a column of today explains the message as well.
/// Which one a new column takes among several that are dropped by now makes no difference, as long as later messages agree.
/// A catalog table without columns stands for a table that is gone: then the message must be in the previous shape.
ColumnAlignment align_columns(const RelationMessage& relation, const CatalogTable& catalog, const TableSchema* previous,
                              CatalogAge age = CatalogAge::may_be_behind);

}  // namespace luge
