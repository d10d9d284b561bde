#pragma once
#include <cstdint>
#include <deque>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "model/position.h"
#include "sim/source_table.h"

namespace luge {

/// One change as the WAL has it.
struct Change {
  enum class Kind : char { insert, update, remove, truncate, alter };
  struct Target {
    TableDefPtr def;         ///< the writer's view of the shape; alter: the new one
    bool published = false;  ///< by the catalog of that moment in the WAL
  };
  Kind kind = Kind::insert;
  std::vector<Target> targets;  ///< one; TRUNCATE may have several
  RowId row = 0;
  ValuesPtr before;
  ValuesPtr after;
  Xid subxid = 0;  ///< of the (sub)transaction that wrote it
  bool rolled_back = false;

  const TableDef& def() const { return *targets.front().def; }
  RelationOid oid() const { return def().oid; }
  bool published() const;
  bool touches(RelationOid oid) const;
};

/// Applies a change that was not rolled back.
void apply_change(const Change& change, TableMap& tables);

/// A transaction of the source, from its first statement to its visibility.
struct SourceTransaction {
  enum class State : char { running, committed, aborted };
  struct Savepoint {
    Xid subxid = 0;              ///< 0: nothing written in it yet
    std::vector<Xid> released;   ///< subtransactions that became part of it
    std::size_t first_change = 0;
  };

  State state = State::running;
  bool visible = false;
  Xid xid = 0;        ///< 0: nothing written yet
  std::deque<Change> changes;
  std::vector<Savepoint> savepoints;
  std::vector<Xid> released;  ///< subtransactions released to the top
  Lsn first_lsn;
  Lsn commit_lsn;
  Lsn end_lsn;
  PgTimestamp commit_time;
  bool has_origin = false;

  // What it holds until it is visible or gone.
  std::set<RelationOid> tables;
  std::set<RelationOid> exclusive;
  std::set<RowId> rows;
  std::set<std::pair<RelationOid, std::string>> keys;

  /// Some change that the stream carries and that the source kept.
  bool has_published() const;
  bool has_published(RelationOid oid) const;
};

}  // namespace luge
