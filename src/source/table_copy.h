#pragma once
#include <cstdint>
#include <functional>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "base/result.h"
#include "model/catalog_table.h"
#include "model/snapshot.h"
#include "postgres/connection.h"

namespace luge {

/// A piece of a table that one COPY reads: blocks [first, end) of one leaf; end 0: to the end, whatever is appended meanwhile.
struct CopyRange {
  TableName leaf;
  bool with_children = false;  ///< all partitions through their root, because this role may not read each of them
  std::uint64_t first_block = 0;
  std::uint64_t end_block = 0;
};

/// One selected column: `as_text` is fetched through its type's output function instead of in its send format.
struct CopyColumn {
  std::string name;
  bool as_text = false;
};

/// Algorithm E, step 1: waits until every transaction that runs now, in any database of the cluster, has ended. `on_wait` is called
/// now and then with who is waited for ("" if this role may not see). Errors: the connection's; 57014 "stopped".
Status wait_for_old_transactions(Connection& sql, const std::stop_token& stop, const std::function<void(const std::string&)>& on_wait);

/// Algorithm E, step 2, whole-table mode: a table under one snapshot. The session's transaction is open from open() to finish().
class TableCopy {
 public:
  /// Locks the table (ACCESS SHARE), then takes and exports the snapshot, then reads the shape in it. A lock that is not had within
  /// lock_timeout is tried again until `stop`. Errors beside the connection's: retry "renamed", retry "gone"; quarantine_table 42501:
  /// this role may not read the table, or row-level security hides rows from it; the hint is the SQL that helps.
  static Result<TableCopy> open(Connection sql, RelationOid oid, const std::string& publication, const std::stop_token& stop);

  const CatalogTable& table() const { return table_; }
  const Snapshot& snapshot() const { return snapshot_; }
  /// An insert position taken under the lock: until here the table had no later shape.
  Lsn read_at() const { return read_at_; }
  /// For other sessions: SET TRANSACTION SNAPSHOT.
  const std::string& exported_name() const { return exported_name_; }
  /// The session whose transaction holds the snapshot; it may read ranges itself.
  Connection& session() { return sql_; }

  /// Ranges of about `bytes` each, of every leaf; one a leaf before 14, where a ctid range reads the whole table. The whole tree is one
  /// range if this role may not read each leaf; beside a foreign leaf that is quarantine_table 42501, with the SQL that helps.
  Result<std::vector<CopyRange>> plan(std::uint64_t bytes);
  std::string copy_command(const CopyRange& range, const std::vector<CopyColumn>& columns) const;

  /// Ends the transaction: vacuum is free again.
  Status finish();

 private:
  TableCopy(Connection sql, CatalogTable table, Snapshot snapshot, std::string exported_name, Lsn read_at)
      : sql_(std::move(sql)), table_(std::move(table)), snapshot_(std::move(snapshot)), exported_name_(std::move(exported_name)), read_at_(read_at) {}
  Error unreadable_leaf(const TableName& leaf, const std::string& role) const;

  Connection sql_;
  CatalogTable table_;
  Snapshot snapshot_;
  std::string exported_name_;
  Lsn read_at_;
};

/// Another session in the same snapshot, with a lock of its own, ready to COPY. Errors beside the connection's: retry 55P03: somebody
/// waits for a stronger lock, and this session would wait behind him while he waits for the copy.
Result<Connection> join_snapshot(const ConnectionOptions& options, const TableCopy& copy, const std::stop_token& stop);

/// Algorithm E, step 7: if no transaction older than `snapshot`.xmax runs any more, the WAL position after which the snapshot cannot
/// matter; else nullopt. Nullopt also on another timeline than the snapshot's.
Result<std::optional<Lsn>> settled_position(Connection& sql, const Snapshot& snapshot);

}  // namespace luge
