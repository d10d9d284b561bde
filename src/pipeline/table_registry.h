#pragma once
#include <cstdint>
#include <deque>
#include <optional>
#include <unordered_map>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "batch/batch_builder.h"
#include "decode/relation_resolver.h"
#include "model/frontier.h"
#include "model/table_record.h"
#include "pipeline/missing_values.h"
#include "pipeline/pipeline_status.h"
#include "pipeline/ports.h"

namespace luge {

/// Every followed table, its state machine (correctness.md §6) and where its changes go. States change only between
/// transactions, together with the operation that tells the destination; quarantine alone may come in the middle of one.
class TableRegistry {
 public:
  struct Table {
    TableRecord record;
    TableSchemaPtr stream_schema;        ///< the shape last decoded with
    Lsn shape_lsn;                       ///< stream position at which stream_schema was taken
    std::vector<UnfitDefault> unfit_defaults;  ///< of stream_schema
    TableSchemaPtr copied;               ///< the shape of the copy, while it is the last one the destination was given
    std::optional<TableReshaped> reshape;  ///< waits until the stream has passed its position
    std::optional<Lsn> settled_at;       ///< catching_up: the filter may go once the stream is here
    std::uint64_t rows_streamed = 0;
    bool copy_wanted = false;            ///< start the copy once its record is durable
    std::uint64_t copy_after_batch = 0;  ///< 0: its record is not sealed yet
    std::uint32_t copy_failures = 0;
    Instant copy_not_before;

    /// What the destination's rows have when it has applied everything so far; null: nothing was copied.
    const TableSchema* last_shape() const { return copied ? copied.get() : stream_schema ? stream_schema.get() : record.schema.get(); }
  };

  TableRegistry(CopyPort& copies, const ColumnOptionsLookup& columns, const Frontier& frontier, Epoch epoch, std::uint32_t timeline, bool resync_all);

  Table* find(RelationOid oid);
  /// What the last session decoded with says nothing of the next one's beginning.
  void forget_stream_shapes() {
    for (auto& [oid, table] : tables_) table.stream_schema = nullptr;
  }
  /// Where a change of transaction `xid` goes; nullopt: nowhere (not followed, stopped, or visible in the copy).
  static std::optional<Route> route(const Table& table, Xid xid);

  // Between transactions, with room for a sealed batch: each appends what the destination must know, in order.
  /// Applies one event of the finder or the copies; false: nothing to do. The stream stands at `received`.
  Result<bool> apply_next_event(TableFinder& finder, BatchBuilder& builder, Lsn received, Instant now);
  /// Takes what the finder has and keeps it for apply_next_event(); a lost publication is an error at once.
  Status keep_events(TableFinder& finder);
  bool keeps_events() const { return !kept_.empty(); }
  /// Tables that left the filter phase because the stream has passed their settling position.
  bool retire_filters(Lsn received, BatchBuilder& builder);
  /// Shapes that changed without a row to tell so: the destination's tables follow.
  bool apply_shapes(Lsn received, BatchBuilder& builder);
  /// Restarted copies whose delay is over, and resyncs asked for.
  bool start_wanted(BatchBuilder& builder, Instant now);
  bool resync(RelationOid oid);
  /// A row has told that `column`, which was there before, is published only now: its rows are read again.
  void copy_published_later(Table& table, const ColumnSchema& column);

  /// The batch with this number carries every record appended so far.
  void sealed(std::uint64_t batch);
  /// Answers have come for all batches up to this one.
  void answered(std::uint64_t batch);
  /// Copies whose record is durable, and whose delay is over, start.
  void start_copies(std::uint64_t answered_batch, Instant now);

  /// In the middle of a transaction. undo_quarantines() takes back those that no complete batch carries yet.
  void quarantine(Table& table, Quarantine why, BatchBuilder& builder);
  void undo_quarantines();
  /// The destination stopped a table by itself.
  void adopt(const TableRecord& record);

  bool any_quarantined() const;
  bool all_copied() const;
  std::vector<TableStatus> status() const;
  Instant next_due() const;

 private:
  void restart_copy(Table& table, Instant not_before);
  /// What the stream has told since makes the copy useless: it is taken again, or the table stops. False: it stands.
  bool overtaken(Table& table, const CopyDone& done, BatchBuilder& builder);
  void append_record(const Table& table, BatchBuilder& builder);
  Result<bool> apply(const CopyEvent& event, BatchBuilder& builder, Lsn received, Instant now);
  Status apply(const TableEvent& event, BatchBuilder& builder);

  CopyPort& copies_;
  const ColumnOptionsLookup& columns_;
  const Epoch epoch_;
  const std::uint32_t timeline_;
  std::unordered_map<RelationOid, Table> tables_;
  std::vector<RelationOid> order_;  ///< of discovery, for status and for determinism
  std::vector<RelationOid> restart_;     ///< to be copied again at the next boundary
  std::vector<RelationOid> to_start_;    ///< copy_wanted
  /// Live here, and in the destination once the batch with this number is answered; 0: it is not sealed yet.
  std::vector<std::pair<RelationOid, std::uint64_t>> soon_live_;
  std::vector<RelationOid> settled_;     ///< settled_at is known
  std::deque<TableEvent> kept_;          ///< of the finder, not applied yet
  std::vector<RelationOid> reshaped_;    ///< reshape is known
  std::vector<std::pair<RelationOid, TableRecord>> undo_;
};

}  // namespace luge
