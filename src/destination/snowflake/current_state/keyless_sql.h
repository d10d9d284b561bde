#pragma once
#include <string>

#include "destination/snowflake/ddl/table_layout.h"

namespace luge {

/// A table without a key is a multiset: equal rows are as good as each other, so a window's inserted rows all go in, and then as many of each
/// value go out as were deleted. Rows of the state table are told apart by "_LUGE_POSITION".
/// `rows`: a query as kept_rows_sql makes it.
std::string insert_keyless_sql(const TableLayout& layout, const std::string& rows);
std::string delete_keyless_sql(const TableLayout& layout, const std::string& rows);

/// The rows left of a whole log: a query with the layout's columns and "_LUGE_POSITION".
std::string keyless_fold_sql(const TableLayout& layout, const std::string& rows);

}  // namespace luge
