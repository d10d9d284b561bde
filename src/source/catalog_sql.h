#pragma once
#include <string>
#include <string_view>

namespace luge::catalog_sql {

// The catalog in a few statements, whatever the number of tables. `tables` restricts to these OIDs ("1,2,3"), or is empty: every
// user table that can be followed (ordinary and partitioned, logged, no partition, not in a system schema).
// Written for servers 13 to 18; `version` is server_version_num.

/// For WITH RECURSIVE: tree(root, oid, link): every partition below the partitioned tables; link: row version of its pg_inherits entry
std::string partition_tree(std::string_view tables);
/// For WITH, after it: leaves(root, file_node, pages, tuples): one digest over the files of all ordinary leaves
std::string leaf_files();

/// oid, schema, name, relkind, relreplident, file node, pages, reltuples, row security, published, row filter
std::string tables(std::string_view tables, std::string_view publication, int version);
/// oid, published, row filter
std::string membership_facts(std::string_view tables, std::string_view publication, int version);
/// attrelid, attnum, name, dropped, type, typmod, not null, generated, missing value as text. By table and attnum.
std::string columns(std::string_view tables);
/// A condition on column `a` of a published table with publication p and membership r: its values go on the stream.
std::string column_is_published(int version);
/// attrelid, name: only of tables whose publication says which columns go (column list, or generated columns in 18).
std::string published_columns(std::string_view tables, std::string_view publication, int version);
/// indrelid, primary, attnum: key columns of immediate primary keys and of replica identity indexes, in the index's order
std::string key_columns(std::string_view tables);
/// root, schema, name, relreplident, attname, generated: leaves of partitioned tables that have another replica identity than their root, or no index
/// for it; a row for each column of their identity's index, or one with NULL. Whoever looks for trouble finds few rows or none.
std::string odd_leaves(std::string_view tables);
/// oid, schema, name, typtype, typdelim, has send, is array, typtypmod, typbasetype, typelem: types of the columns, the types `more`
/// ("16,25" or empty), and all they rest on
std::string types(std::string_view tables, std::string_view more);
/// oid, schema, name, published: of every user table; cheap enough to ask every few seconds
std::string names(std::string_view publication, int version);
/// oid, blocks now: of every user table. Asking opens a table, so those that somebody locks exclusively are left out.
std::string sizes();
/// schema, name, relpersistence, relkind: what could look like a table to a user and cannot be followed
std::string unfollowable();
/// oid, schema, table, may SELECT, may use the schema, owner, role: of tables this role may not read
std::string unreadable(std::string_view tables);

}  // namespace luge::catalog_sql
