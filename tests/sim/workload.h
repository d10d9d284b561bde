#pragma once
#include <algorithm>
#include <optional>
#include <vector>

#include "sim/dice.h"
#include "sim/sim_postgres.h"

namespace luge {

/// Sessions that write into the source: keyed tables, one with values stored out of line under each kind of replica identity, one
/// without a key, one that is published but not wanted, one that is not published, and new ones while everything runs.
class Workload {
 public:
  Workload(SimPostgres& server, Dice dice, const Instant& now, Marks& marks);

  void create_tables();
  void run();
  Instant next_due() const;
  /// Open transactions end, and no new ones begin.
  void finish();
  /// All sessions lost their connection.
  void server_died();
  /// Nobody writes until then.
  void rest_until(Instant until) { resting_until_ = std::max(resting_until_, until); }
  /// That wrote something and ended by themselves.
  std::uint64_t transactions() const { return transactions_; }

 private:
  struct Session {
    SourceTransaction* transaction = nullptr;
    unsigned statements_left = 0;
    Instant due;
  };
  struct NewTable {
    RelationOid oid;
    Instant publish_at;
  };

  void act(Session& session);
  void statement(Session& session);
  void new_table();
  std::optional<RelationOid> pick_table(const SourceTransaction& transaction, bool exclusive);
  /// A row that nobody else holds.
  std::optional<RowId> pick_row(const SourceTransaction& transaction, const TableVersion& table);
  Values random_row(const SourceTransaction& transaction, const TableDef& def, bool& possible);
  Cell random_value(const SimColumn& column);
  Change make(Change::Kind kind, const TableVersion& table) const;

  void insert(SourceTransaction& transaction);
  void update(SourceTransaction& transaction, bool change_key);
  void remove(SourceTransaction& transaction);
  void swap_keys(SourceTransaction& transaction);
  void truncate(SourceTransaction& transaction);
  void alter(SourceTransaction& transaction);
  bool write_update(SourceTransaction& transaction, RelationOid oid, RowId row, Values after);

  SimPostgres& server_;
  Dice dice_;
  const Instant& now_;
  Marks& marks_;
  std::vector<Session> sessions_;
  std::vector<RelationOid> tables_;
  std::vector<NewTable> unpublished_;
  unsigned pace_ms_;
  unsigned ddl_percent_;
  unsigned big_percent_;
  unsigned new_tables_left_;
  RelationOid last_oid_ = 20000;
  std::uint64_t transactions_ = 0;
  Instant resting_until_;
  Instant next_table_;
};

}  // namespace luge
