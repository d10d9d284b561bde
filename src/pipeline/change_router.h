#pragma once
#include <memory>
#include <optional>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "acknowledge/ack_ledger.h"
#include "base/result.h"
#include "batch/batch_builder.h"
#include "batch/spool.h"
#include "decode/pgoutput_decoder.h"
#include "decode/relation_cache.h"
#include "pipeline/pipeline_options.h"
#include "pipeline/ports.h"
#include "pipeline/table_registry.h"
#include "pipeline/witness_check.h"

namespace luge {

/// Decodes what the stream delivers and puts each change where it belongs: the open batch, the spool of open transactions, or
/// nowhere. Owns everything that is true of one session only.
class ChangeRouter {
 public:
  enum class Handled : char {
    done,
    stalled,  ///< the same payload must be handed in again: a catalog answer or room for a barrier is awaited
  };

  ChangeRouter(const PipelineOptions& options, CatalogPort& catalog, TableRegistry& tables, BatchBuilder& builder, AckLedger& ledger, Epoch epoch);

  /// Transactions that are finished already are skipped whole. Between the last of them and what was received before nothing was changed: a
  /// change that comes from there is of another history.
  /// The slot stands at `confirmed_flush`: from there on the finished transactions' witness must come again (WitnessCheck).
  /// `binary`: values arrive in send format; a shape that has no exact reader for it ends the session with "needs_text".
  void start_session(Lsn confirmed_flush, Xid next_xid, bool binary);
  /// Forgets the unfinished transaction and everything spooled. True if rows of it may be in the builder or beyond.
  bool end_session();

  Result<Handled> handle(std::string_view payload);
  /// Outside of a transaction: everything before `position` was sent. Errors: WitnessCheck's.
  Status keepalive(Lsn position) { return witness_check_.position(position); }
  /// This session has not shown yet that the server still has the history that was followed.
  bool expects_witness() const { return witness_check_.waiting(); }
  /// Goes on moving a committed streamed transaction into the open batch, until `byte_limit` is reached in it.
  Status continue_drain(std::uint64_t row_limit, std::size_t byte_limit);

  bool in_transaction() const { return current_.has_value() || drain_.reader != nullptr; }
  bool draining() const { return drain_.reader != nullptr; }
  /// The transaction that is being routed left rows in the builder or in batches handed over.
  bool transaction_has_data() const { return has_data_; }

  /// Last whole transaction that was routed, with data or without: what a complete batch carries as its checkpoint, so that a
  /// transaction that was filtered out is never looked at again once the filter is gone.
  const Checkpoint& finished() const { return finished_; }
  void set_finished(const Checkpoint& checkpoint) { finished_ = finished_before_data_ = checkpoint; }
  /// Last whole transaction before the first data of the open batch: what remains finished when that batch is thrown away.
  const Checkpoint& finished_before_data() const { return finished_before_data_; }

  /// Positions: of the last commit of this session (zero: none yet), for the reporter.
  Lsn last_end_lsn() const { return last_end_lsn_; }
  /// Largest commit_lsn that was routed; a barrier cannot be placed at or before it.
  Lsn last_commit_lsn() const { return last_commit_lsn_; }
  /// No transaction with commit_lsn at or beyond this one may be started (a barrier waits); zero: none.
  void hold_before(Lsn lsn) {
    hold_before_ = lsn;
    held_ = false;  // decided again when the held message is handed in again
  }
  /// The stream was held by hold_before: everything below it has been routed.
  bool held() const { return held_; }

  bool waits_for_catalog() const { return catalog_waits_.has_value(); }
  /// A committed streamed transaction cannot go on before the catalog shows what it did to a table.
  bool drain_waits() const { return drain_.held.has_value(); }
  const Spool& spool() const { return spool_; }
  std::uint64_t transactions() const { return transactions_; }

 private:
  struct Current {
    Lsn commit_lsn;
    Xid xid = 0;
    PgTimestamp commit_time;
    std::uint64_t ordinal = 0;
    bool skip = false;
    bool published = false;  ///< a change of it came
  };
  /// A shape as an open transaction told it. It may have altered the table itself, which the catalog shows only after its commit:
  /// until then neither the columns' identity nor what older rows read there is certain. Their number and types are.
  struct Provisional {
    TableSchemaPtr schema;
    RelationMessage message;
    TableSchemaPtr settled{};    ///< null: the catalog has not told since the commit
    bool left_to_all = false;  ///< the committed relation is everybody's now
  };
  struct Drain {
    std::unique_ptr<Spool::Reader> reader;
    Lsn commit_lsn;
    Lsn end_lsn;
    Xid xid = 0;
    PgTimestamp commit_time;
    std::vector<Provisional> provisional;
    std::optional<TableChunk> held{};  ///< waits for the catalog
    bool published = false;            ///< a change survived the transaction's rollbacks
  };
  /// The table of the row just seen; spares the look-ups for the next row of the same one.
  struct Target {
    RelationOid oid = 0;
    TableRegistry::Table* table = nullptr;
    std::optional<Route> route;
    TableSchemaPtr schema;
  };

  Result<Handled> on(const BeginMessage& begin);
  Result<Handled> on(const CommitMessage& commit);
  Result<Handled> on(const StreamCommitMessage& commit);
  Result<Handled> on_row(Xid32 stream_xid, const TableRow& row);
  Result<Handled> on_streamed_row(Xid32 stream_xid, const TableRow& row);
  Result<Handled> on_truncate(Xid32 stream_xid, const TruncateMessage& truncate);
  Status on_abort(const StreamAbortMessage& abort);
  /// False: the item is held, and the same again later.
  Result<bool> drain_item(SpoolItem item);
  void truncate_now(RelationOid oid, std::uint64_t ordinal, Lsn commit_lsn, Xid xid, PgTimestamp commit_time);

  /// The schema to decode a row of `oid` with; nullptr: ask again later.
  Result<TableSchemaPtr> schema_of(RelationOid oid, TableRegistry::Table& table);
  /// What the session ends with when the catalog cannot be read.
  static Error unanswered(Error error);
  /// The catalog's answer about the relation; nullopt: ask again later.
  std::optional<CatalogPort::Answer> ask_catalog(const RelationMessage& relation);
  /// The shape of a provisional one, once its transaction is visible; nullptr: ask again later, or the table is quarantined.
  Result<TableSchemaPtr> settle(Provisional& shape, TableRegistry::Table& table);
  /// The entries that a committed transaction leaves to everybody must not keep its provisional shapes.
  std::vector<Provisional> take_provisional(Xid32 xid);
  /// Takes a shape as the table's present one.
  static TableSchemaPtr remember(TableRegistry::Table& table, SchemaWithMissing shape, Lsn since);
  /// The same, after a look at what it means for the rows that are there; nullptr: they cannot take it on, and the table is quarantined.
  TableSchemaPtr take(TableRegistry::Table& table, SchemaWithMissing shape, Lsn since);
  void quarantine_shape(TableRegistry::Table& table, Quarantine why);
  void quarantine_shape(TableRegistry::Table& table, const Error& error);
  Result<TableSchemaPtr> resolve(RelationCache::Entry& entry, TableRegistry::Table& table, const std::optional<CatalogTable>& catalog);
  void quarantine(TableRegistry::Table& table, const Misfit& misfit, Position position);
  bool must_hold(Lsn commit_lsn);
  /// A change of the transaction is about to be taken.
  Status check_place(Lsn commit_lsn) const;
  /// `published`: it certainly brought a change of the publication, wanted here or not.
  void finish_transaction(const Witness& transaction, Lsn end_lsn, bool published);
  void mark_data(PgTimestamp commit_time);

  const PipelineOptions& options_;
  CatalogPort& catalog_;
  TableRegistry& tables_;
  BatchBuilder& builder_;
  AckLedger& ledger_;
  const Epoch epoch_;

  WitnessCheck witness_check_;
  PgOutputDecoder decoder_;
  RelationCache relations_;
  Spool spool_;
  std::optional<Current> current_;
  std::optional<Xid32> stream_;  ///< inside a streamed block: its top-level transaction
  Drain drain_;
  Target target_;
  std::optional<RelationOid> catalog_waits_;
  bool catalog_answer_stale_ = false;  ///< it was asked for in an earlier session, before the message at hand
  std::unordered_map<Xid32, std::vector<Provisional>> provisional_;  ///< of open streamed transactions

  Lsn confirmed_flush_;
  Lsn skip_through_;
  Lsn quiet_through_;  ///< from skip_through_ to here nothing was changed, as an earlier session was told
  Xid xid_reference_ = 0;
  bool binary_ = false;
  bool has_data_ = false;
  Checkpoint finished_;
  Checkpoint finished_before_data_;
  Lsn last_end_lsn_;
  Lsn last_commit_lsn_;
  Lsn hold_before_;
  bool held_ = false;
  std::uint64_t transactions_ = 0;
};

}  // namespace luge
