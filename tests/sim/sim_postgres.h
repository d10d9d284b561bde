#pragma once
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "model/snapshot.h"
#include "sim/dice.h"
#include "sim/marks.h"
#include "sim/source_transaction.h"
#include "sim/trace.h"
#include "source/session_facts.h"

namespace luge {

class WalSender;

/// One WAL record that logical decoding looks at.
struct WalRecord {
  enum class Kind : char { change, sub_abort, commit, abort, running_transactions, invalidation };
  Lsn lsn;
  Lsn end;
  Kind kind = Kind::change;
  SourceTransaction* transaction = nullptr;
  std::size_t change = 0;          ///< index into its changes
  std::vector<Xid> subxids;        ///< sub_abort, abort: in the order in which the server tells them
  RelationOid oid = 0;             ///< invalidation
};

struct SimSlot {
  bool exists = false;
  bool lost = false;
  Lsn consistent_point;
  Lsn confirmed;            ///< in the server's memory
  Lsn persisted;            ///< what a crash falls back to
};

/// Everything that was ever committed, in the order of commit records: the oracle's truth. One per course of history.
struct SourceHistory {
  struct Step {
    Lsn commit_lsn;
    std::shared_ptr<const TableVersion> version;
  };
  std::map<Lsn, SourceTransaction*> commits;
  std::map<RelationOid, std::vector<Step>> tables;

  /// Content after all transactions with commit_lsn <= lsn; null: the table did not exist.
  std::shared_ptr<const TableVersion> at(RelationOid oid, Lsn lsn) const;
};

/// How this seed's server behaves.
struct PostgresOptions {
  bool sync_standby = false;             ///< commits stay invisible for a while after their record is streamed
  bool skip_empty = true;                ///< 15 and later
  std::size_t decoding_work_changes = 8; ///< logical_decoding_work_mem, in changes
  Duration wal_sender_timeout{std::chrono::seconds(60)};
  Xid first_xid = 1000;
};

/// A primary with one database: WAL, transactions with subtransactions and snapshots, a catalog, one publication, one slot.
/// Fault model: crash and restart (open transactions die, the slot's position falls back), restore to an older moment, a slot
/// that others drop or advance. Walsenders read what is flushed.
class SimPostgres {
 public:
  SimPostgres(PostgresOptions options, Dice dice, const Instant& now, const Trace& trace, Marks& marks);

  // Transactions.
  SourceTransaction& begin();
  /// Writes the change's WAL record and assigns xids where they are missing.
  void write(SourceTransaction& transaction, Change change);
  void savepoint(SourceTransaction& transaction);
  void release_savepoint(SourceTransaction& transaction);
  void rollback_to_savepoint(SourceTransaction& transaction);
  void commit(SourceTransaction& transaction);
  void rollback(SourceTransaction& transaction);
  /// What the transaction itself sees: everything visible, and its own changes.
  TableVersion view(const SourceTransaction& transaction, RelationOid oid) const;
  bool locked(const SourceTransaction& by_other_than, RelationOid oid, bool exclusive) const;
  bool row_locked(const SourceTransaction& by_other_than, RowId row) const;
  bool key_locked(const SourceTransaction& by_other_than, RelationOid oid, const std::string& key) const;
  RowId next_row_id() { return ++last_row_id_; }

  // Tables. Each in a transaction of its own.
  void create_table(TableDef def);
  void publish(RelationOid oid);
  bool published(RelationOid oid) const { return published_.contains(oid); }
  const TableMap& visible() const { return visible_; }
  /// ACCESS SHARE locks of copies: TRUNCATE and ALTER wait for them.
  std::multiset<RelationOid> shared_locks;

  // Facts.
  Snapshot snapshot() const;
  /// pg_current_xact_id() in a transaction of its own: everything that began to write before has a smaller xid.
  Xid current_xact_id();
  Xid next_xid() const { return next_xid_; }
  SessionFacts facts() const;
  Lsn insert_lsn() const { return insert_; }
  bool up() const { return up_; }
  const SourceHistory& history() const { return *history_; }
  std::shared_ptr<const SourceHistory> shared_history() const { return history_; }
  const std::deque<WalRecord>& wal() const { return wal_; }
  Lsn flushed_lsn() const { return flushed_; }
  const PostgresOptions& options() const { return options_; }
  std::uint32_t timeline() const { return timeline_; }
  /// Counts the times it went back to an older moment.
  std::uint32_t course() const { return course_; }

  // The slot.
  SimSlot& slot() { return slot_; }
  const SimSlot& slot() const { return slot_; }
  /// Waits for the writers of now (false: ask again), then there is a slot at the present position.
  bool try_create_slot();
  bool slot_active = false;  ///< a walsender holds it

  /// Lets time pass: flushes WAL, makes commits visible, writes checkpoints, starts again after a crash.
  void run();
  Instant next_due() const;

  // Faults.
  void crash(Duration down_for);
  void checkpoint() { slot_.persisted = slot_.confirmed; }
  void invalidate(RelationOid oid);
  /// Back to an older moment of its own history. `new_timeline`: point-in-time recovery; else a copied data directory.
  void restore(Lsn to, bool new_timeline, bool keep_slot);
  Lsn oldest_restore() const { return last_ddl_; }
  /// Ends all waiting: everything is flushed, visible and persisted from now on without delay.
  void calm_down() { calm_ = true; }
  bool calm() const { return calm_; }

 private:
  struct Waiting {
    Instant at;
    SourceTransaction* transaction;
  };

  Lsn append(WalRecord record, std::uint64_t bytes);
  Xid take_xid();
  void assign(SourceTransaction& transaction);
  void completed(Xid xid) { latest_completed_ = std::max(latest_completed_, xid); }
  void make_visible(SourceTransaction& transaction);
  void forget_locks(SourceTransaction& transaction);
  void record_history(const SourceTransaction& transaction);

  const PostgresOptions options_;
  Dice dice_;
  const Instant& now_;
  const Trace& trace_;
  Marks& marks_;

  bool up_ = true;
  bool calm_ = false;
  Instant restart_at_;
  Instant next_flush_;
  Instant next_checkpoint_;
  std::uint32_t timeline_ = 1;
  std::uint32_t course_ = 0;
  std::vector<SessionFacts::Switch> timelines_;

  std::deque<std::unique_ptr<SourceTransaction>> transactions_;
  std::vector<SourceTransaction*> active_;  ///< running, or committed and not visible yet
  std::vector<Waiting> waiting_;            ///< for a standby
  std::deque<WalRecord> wal_;
  Lsn insert_{0x1000000};
  Lsn flushed_{0x1000000};
  Xid next_xid_;
  Xid latest_completed_;
  RowId last_row_id_ = 0;
  Lsn last_ddl_;

  TableMap visible_;
  TableMap ordered_;  ///< by commit record
  std::shared_ptr<SourceHistory> history_ = std::make_shared<SourceHistory>();
  std::set<RelationOid> published_;
  SimSlot slot_;
  std::optional<std::vector<SourceTransaction*>> slot_waits_for_;
};

}  // namespace luge
