#pragma once
#include <string>

#include "destination/snowflake/ddl/table_layout.h"

namespace luge {

/// Folds rows of the log of a table with a key to one row a key.
///
/// A key change is a deletion of the old key and an insertion under the new one. Of a key's events only those behind its last deletion
/// count: what is inserted later begins anew and must not see older values. Of those, each column has the value of the last row that
/// carried it, so an unchanged TOAST value is right however many rows lie between.
///
/// `rows`: a query as kept_rows_sql makes it. `complete_from_state`: values that a key change did not carry are taken from the old key's
/// row of the state table; right if no row before it has the old key (find_parts_sql).
/// The columns of the query that is returned: the layout's (where no row carries a column: what older rows hold), "_LUGE_LAST_POSITION" of the
/// key's last event, "_LUGE_ALIVE": the row exists after it, "_LUGE_FRESH": it began among these rows, so nothing of an older one
/// lives on, and for columns outside the key "_LUGE_HAS_<attnum>": a row carried it.
std::string keyed_fold_sql(const TableLayout& layout, const std::string& rows, bool complete_from_state);

/// The query's name for "a row carried the column".
std::string has_column(const LayoutColumn& column);

}  // namespace luge
