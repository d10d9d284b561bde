#pragma once
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "pipeline/rule_g.h"
#include "sim/destination_watcher.h"
#include "sim/sim_destination.h"
#include "sim/sim_postgres.h"

namespace luge {

/// Knows what the source holds at every position and compares everything luge does with it: the invariants of
/// correctness.md §7. The first violation of a seed is kept; the world stops there.
class Oracle final : public DestinationWatcher {
 public:
  Oracle(SimPostgres& server, SimDestination& destination, const Trace& trace, Marks& marks)
      : server_(server), destination_(destination), trace_(trace), marks_(marks) {}

  struct Failure {
    std::string invariant;
    std::string what;
  };
  void fail(std::string invariant, std::string what) override;
  const std::optional<Failure>& failure() const { return failure_; }
  void needless(std::string invariant, std::string what) override { fail(std::move(invariant), std::move(what)); }
  Xid next_xid() const override { return server_.next_xid(); }
  std::uint32_t course() const override { return server_.course(); }

  // What the stream delivers and what comes back.
  void session_started(Lsn confirmed);
  void position_delivered(Lsn position) { legal_.insert(position); }
  void transaction_delivered(Lsn commit_lsn);
  /// I1, I2, I10. `owner`: the instance is the newest.
  void feedback(Lsn flushed, Lsn stored_intent, bool owner, Lsn intent_when_fenced);
  /// I1.
  void intent_saved(Lsn intent);

  // What the destination takes in.
  /// I6: these rows belong to this committed transaction, with the ordinals they have at every delivery.
  /// I12: each was decoded in the shape that the server describes at its place in the stream. What the table's last copy saw is never
  /// applied, and may be older than the shape in which luge knows the table since.
  bool check_run(const TableChunk& chunk, std::uint32_t first_row, const TransactionRun& run, const CopyNotes& notes) override;
  /// I4 to I8.
  void destination_committed(const MirrorStore& store) override;

  /// I11. `gap_possible`: something happened since the last session after which a gap may be reported.
  void verdict(const GapVerdict& verdict, Epoch epoch, bool gap_possible);
  /// I11. The stream itself showed a gap, to an instance for which everything before `complete` is complete.
  void gap_in_stream(bool gap_possible);
  void epoch_started(Lsn intent);
  /// The server went back to `to`: the course of history until now is remembered beside the new one.
  void history_changed(std::shared_ptr<const SourceHistory> before, Lsn to);

  bool has_past() const { return past_ != nullptr; }
  /// The server went back, nobody has looked yet, and the destination holds what it lost. Unless a new timeline tells, that is noticed while
  /// the server is behind, and once it has written on only by a transaction that the destination knows and the slot would send again.
  /// True: there is none.
  bool would_pass_unnoticed() const;

  /// I14: everything is live and equal.
  void check_converged();

 private:
  bool complete(const SourceTransaction& transaction, const MirrorStore& store) const;
  /// First transaction that ends at or before `through` and is not durable; null: none.
  const SourceTransaction* incomplete(Lsn from, Lsn through) const;
  const SourceTransaction* find(Lsn commit_lsn) const;
  /// Zero for a column that is dropped by now.
  std::int16_t told_apart(RelationOid oid, std::int16_t attnum) const;
  /// How the shape that rows were decoded in differs from the one their server describes; empty: not at all.
  std::string compare_relation(const TableSchemaPtr& decoded, const TableDefPtr& described);
  /// The server went back, and what it has now is not this transaction.
  bool lost(Lsn commit_lsn) const;
  bool is_present(const Witness& witness) const;
  /// What the server lost and a live table holds; `by_checkpoint`: also because it lies before the checkpoint, which must be of that course.
  struct Held {
    Lsn commit_lsn;
    TableName table;
  };
  std::optional<Held> held_of_lost(bool by_checkpoint) const;
  /// What differs between the mirror's table and the source at `lsn`; empty: nothing.
  std::string compare(const std::shared_ptr<const MirrorTable>& table, const CopyNotes& notes, Lsn lsn, const SourceHistory& history);
  /// `oldest`: the first of the version's shapes that the table may still have.
  std::string compare_shape(const MirrorTable& table, std::size_t oldest, const TableVersion& version) const;
  std::string compare_rows(const MirrorTable& table, const TableVersion& version) const;

  SimPostgres& server_;
  SimDestination& destination_;
  const Trace& trace_;
  Marks& marks_;
  std::optional<Failure> failure_;

  Epoch epoch_ = 1;
  std::shared_ptr<const SourceHistory> past_;  ///< before the last restore
  Lsn intent_before_;       ///< the largest that was stored in this epoch
  bool gap_open_ = false;     ///< reported and not repaired yet
  std::optional<Lsn> unproven_;  ///< of the last session: what had to come again never will; nothing beyond it may count
  bool past_judged_ = false;  ///< a session has begun on the new course
  std::set<Lsn> legal_;
  Lsn certified_;           ///< I1 was proved up to here
  Lsn delivered_most_;
  struct Expected {
    TableDefPtr def;
    Change::Kind kind;
  };
  std::map<const SourceTransaction*, std::vector<Expected>> expected_;
  std::pair<TableSchemaPtr, TableDefPtr> same_relation_;  ///< the last two that were compared and agreed
  std::map<RelationOid, std::pair<std::shared_ptr<const MirrorTable>, std::shared_ptr<const TableVersion>>> compared_;  ///< and found equal
};

}  // namespace luge
