#include "pipeline/change_router.h"

#include <algorithm>
#include <utility>

#include "base/ensure.h"
#include "pipeline/misfit_quarantine.h"
#include "pipeline/missing_values.h"
#include "pipeline/rule_g.h"

namespace luge {

namespace {

Error malformed(std::string what) {
  return fatal("malformed", "the server's stream breaks the protocol: " + std::move(what),
               "nothing was acknowledged beyond the last durable transaction; report this with the server's exact version");
}

Error undescribed(RelationOid oid) {
  return malformed("a row of relation " + std::to_string(oid) + ", which was never described on this connection");
}

// Rows that were built in one of these shapes can be handed on in the other.
bool reads_like(const TableSchema& a, const TableSchema& b) {
  return a.key_columns == b.key_columns && std::equal(a.columns.begin(), a.columns.end(), b.columns.begin(), b.columns.end(),
                                                      [](const ColumnSchema& x, const ColumnSchema& y) { return x.value == y.value; });
}

}  // namespace

ChangeRouter::ChangeRouter(const PipelineOptions& options, CatalogPort& catalog, TableRegistry& tables, BatchBuilder& builder, AckLedger& ledger,
                           Epoch epoch)
    : options_(options),
      catalog_(catalog),
      tables_(tables),
      builder_(builder),
      ledger_(ledger),
      epoch_(epoch),
      witness_check_(ledger),
      spool_(options.spool) {}

void ChangeRouter::start_session(Lsn confirmed_flush, Xid next_xid, bool binary) {
  witness_check_.start_session(finished_.witness, confirmed_flush);
  decoder_.reset();
  relations_.clear();
  confirmed_flush_ = confirmed_flush;
  skip_through_ = finished_.commit_lsn;
  quiet_through_ = ledger_.received();
  xid_reference_ = next_xid;
  tables_.forget_stream_shapes();  // the stream begins again at an older place, where tables may have older shapes
  binary_ = binary;
  last_end_lsn_ = {};
  held_ = false;
  target_ = {};
}

bool ChangeRouter::end_session() {
  const bool partial = in_transaction() && has_data_;
  witness_check_.end_session();
  current_.reset();
  drain_ = {};
  stream_.reset();
  spool_.clear();
  provisional_.clear();
  has_data_ = false;
  target_ = {};
  catalog_answer_stale_ = catalog_waits_.has_value();
  // An answer may still be on its way; answers come in order, so it is taken and dropped later.
  return partial;
}

Result<ChangeRouter::Handled> ChangeRouter::handle(std::string_view payload) {
  TRY(Message message, decoder_.decode(payload));
  const Xid32 sub = message.stream_xid;
  if (const auto* row = std::get_if<RowMessage>(&message.body)) return stream_ ? on_streamed_row(sub, row->row) : on_row(sub, row->row);
  if (const auto* begin = std::get_if<BeginMessage>(&message.body)) return on(*begin);
  if (const auto* commit = std::get_if<CommitMessage>(&message.body)) return on(*commit);
  if (auto* relation = std::get_if<RelationMessage>(&message.body)) {
    relations_.put(stream_.value_or(0), sub, std::move(*relation));
    target_ = {};
    return Handled::done;
  }
  if (const auto* truncate = std::get_if<TruncateMessage>(&message.body)) return on_truncate(sub, *truncate);
  if (const auto* start = std::get_if<StreamStartMessage>(&message.body)) {
    if (current_) return malformed("a streamed block inside a transaction");
    stream_ = start->xid;
    target_ = {};
    return Handled::done;
  }
  if (std::holds_alternative<StreamStopMessage>(message.body)) {
    stream_.reset();
    target_ = {};
    return Handled::done;
  }
  if (const auto* commit = std::get_if<StreamCommitMessage>(&message.body)) return on(*commit);
  if (const auto* abort = std::get_if<StreamAbortMessage>(&message.body)) {
    CHECK_OK(on_abort(*abort));
    return Handled::done;
  }
  return Handled::done;  // Origin, Type, Message: nothing to do
}

bool ChangeRouter::must_hold(Lsn commit_lsn) {
  held_ = !hold_before_.is_zero() && commit_lsn >= hold_before_;
  return held_;
}

Status ChangeRouter::check_place(Lsn commit_lsn) const {
  // A position that was acknowledged may be stored without the witness's being newer: a keepalive's, while other tables are written. A server
  // that was set back to between the two still has the witness.
  if (commit_lsn <= skip_through_ || commit_lsn >= quiet_through_) return ok();
  if (commit_lsn < ledger_.complete_through()) return to_error(rewritten_history(confirmed_flush_, commit_lsn, quiet_through_));
  return make_error(Recovery::retry, "regress",
                    "the server has a change at " + to_string(commit_lsn) + ", before which it said that nothing is left");
}

Result<ChangeRouter::Handled> ChangeRouter::on(const BeginMessage& begin) {
  if (current_) return malformed("Begin inside a transaction");
  CHECK_OK(witness_check_.transaction({begin.final_lsn, begin.commit_time}));
  if (must_hold(begin.final_lsn)) return Handled::stalled;
  Current current;
  current.commit_lsn = begin.final_lsn;
  current.xid = widen_xid(begin.xid, xid_reference_);
  current.commit_time = begin.commit_time;
  current.skip = begin.final_lsn <= skip_through_;
  xid_reference_ = std::max(xid_reference_, current.xid);
  current_ = current;
  has_data_ = false;
  target_ = {};
  if (!current.skip) builder_.begin_transaction(current.commit_lsn, current.xid, current.commit_time);
  return Handled::done;
}

Result<ChangeRouter::Handled> ChangeRouter::on(const CommitMessage& commit) {
  if (!current_) return malformed("Commit outside of a transaction");
  if (commit.commit_lsn != current_->commit_lsn) return malformed("Commit with another LSN than its Begin");
  CHECK_OK(witness_check_.position(commit.end_lsn));
  finish_transaction({commit.commit_lsn, current_->commit_time}, commit.end_lsn, current_->published);
  current_.reset();
  return Handled::done;
}

void ChangeRouter::finish_transaction(const Witness& transaction, Lsn end_lsn, bool published) {
  const Witness witness = published ? std::max(finished_.witness, transaction) : finished_.witness;
  finished_ = std::max(finished_, Checkpoint{epoch_, transaction.commit_lsn, end_lsn});
  finished_.witness = witness;
  if (!ledger_.has_open_data()) finished_before_data_ = finished_;
  has_data_ = false;
  ++transactions_;
  last_commit_lsn_ = std::max(last_commit_lsn_, transaction.commit_lsn);
  last_end_lsn_ = end_lsn;
  ledger_.received(end_lsn);
  target_ = {};
}

void ChangeRouter::mark_data(PgTimestamp commit_time) {
  if (has_data_) return;
  has_data_ = true;
  ledger_.data_added(commit_time);
}

Result<ChangeRouter::Handled> ChangeRouter::on_row(Xid32 /*stream_xid*/, const TableRow& row) {
  if (!current_) return malformed("a row outside of a transaction");
  if (!std::exchange(current_->published, true)) CHECK_OK(check_place(current_->commit_lsn));
  if (current_->skip) return Handled::done;
  if (target_.oid != row.relation) {
    // Also for tables nobody follows: a row the server has not described is a broken stream, and must not be passed over.
    if (relations_.find(stream_.value_or(0), row.relation) == nullptr) return undescribed(row.relation);
    Target target;
    target.oid = row.relation;
    target.table = tables_.find(row.relation);
    if (target.table != nullptr) target.route = TableRegistry::route(*target.table, current_->xid);
    if (target.route) {
      TRY(target.schema, schema_of(row.relation, *target.table));
      if (!target.schema) {
        if (target.table->record.state != TableState::quarantined) return Handled::stalled;
        target.route.reset();
      }
    }
    target_ = std::move(target);
  }
  const std::uint64_t ordinal = current_->ordinal++;
  if (!target_.route) return Handled::done;
  mark_data(current_->commit_time);
  if (auto misfit = builder_.append(target_.schema, *target_.route, row, ordinal)) {
    if (misfit->code == "malformed") return malformed("a row of " + to_string(target_.schema->name) + " does not have the columns of its Relation");
    quarantine(*target_.table, *misfit, {epoch_, current_->commit_lsn, ordinal});
    return Handled::done;
  }
  ++target_.table->rows_streamed;
  return Handled::done;
}

Result<ChangeRouter::Handled> ChangeRouter::on_streamed_row(Xid32 stream_xid, const TableRow& row) {
  if (target_.oid != row.relation) {
    // Also for tables nobody follows: a row the server has not described is a broken stream, and must not be passed over.
    if (relations_.find(stream_.value_or(0), row.relation) == nullptr) return undescribed(row.relation);
    Target target;
    target.oid = row.relation;
    target.table = tables_.find(row.relation);
    // Where it goes is decided at commit; a table that is stopped now may run again by then only through a new copy that sees it.
    const bool wanted = target.table != nullptr && target.table->record.state != TableState::quarantined &&
                        target.table->record.state != TableState::gap && target.table->record.state != TableState::dropped;
    if (wanted) {
      TRY(target.schema, schema_of(row.relation, *target.table));
      if (!target.schema && target.table->record.state != TableState::quarantined) return Handled::stalled;
    }
    target_ = std::move(target);
  }
  if (!target_.schema) {
    CHECK_OK(spool_.count(*stream_, stream_xid));
  } else {
    CHECK_OK(spool_.append(*stream_, stream_xid, target_.schema, row));
  }
  return Handled::done;
}

Result<ChangeRouter::Handled> ChangeRouter::on_truncate(Xid32 stream_xid, const TruncateMessage& truncate) {
  if (stream_) {
    for (const RelationOid oid : truncate.relations) CHECK_OK(spool_.truncate(*stream_, stream_xid, oid));
    return Handled::done;
  }
  if (!current_) return malformed("Truncate outside of a transaction");
  if (!std::exchange(current_->published, true)) CHECK_OK(check_place(current_->commit_lsn));
  if (current_->skip) return Handled::done;
  for (const RelationOid oid : truncate.relations) truncate_now(oid, current_->ordinal++, current_->commit_lsn, current_->xid, current_->commit_time);
  return Handled::done;
}

void ChangeRouter::truncate_now(RelationOid oid, std::uint64_t ordinal, Lsn commit_lsn, Xid xid, PgTimestamp commit_time) {
  TableRegistry::Table* table = tables_.find(oid);
  if (table == nullptr) return;
  const auto route = TableRegistry::route(*table, xid);
  if (!route) return;
  mark_data(commit_time);
  builder_.append_op(oid, Truncate{oid, *route, {epoch_, commit_lsn, ordinal}, xid, commit_time});
}

Result<ChangeRouter::Handled> ChangeRouter::on(const StreamCommitMessage& commit) {
  if (stream_) return malformed("Stream Commit inside a streamed block");
  CHECK_OK(witness_check_.transaction({commit.commit_lsn, commit.commit_time}));
  CHECK_OK(witness_check_.position(commit.end_lsn));
  if (must_hold(commit.commit_lsn)) return Handled::stalled;
  relations_.stream_committed(commit.xid);
  auto provisional = take_provisional(commit.xid);
  target_ = {};
  if (commit.commit_lsn <= skip_through_) {
    CHECK_OK(spool_.abort(commit.xid, commit.xid));
    finish_transaction({commit.commit_lsn, commit.commit_time}, commit.end_lsn, false);
    return Handled::done;
  }
  const Xid xid = widen_xid(commit.xid, xid_reference_);
  drain_ = {spool_.commit(commit.xid, commit.commit_lsn, xid, commit.commit_time),
            commit.commit_lsn,
            commit.end_lsn,
            xid,
            commit.commit_time,
            std::move(provisional)};
  has_data_ = false;
  return Handled::done;
}

Status ChangeRouter::on_abort(const StreamAbortMessage& abort) {
  relations_.stream_aborted(abort.xid, abort.subxid);
  if (abort.subxid == abort.xid) provisional_.erase(abort.xid);
  target_ = {};
  return spool_.abort(abort.xid, abort.subxid);
}

Status ChangeRouter::continue_drain(std::uint64_t row_limit, std::size_t byte_limit) {
  while (drain_.reader && builder_.rows() < row_limit && builder_.bytes() < byte_limit) {
    std::optional<SpoolItem> item;
    if (drain_.held) {
      item = std::exchange(drain_.held, std::nullopt);
    } else {
      TRY(item, drain_.reader->next());
    }
    if (item) {
      const auto* chunk = std::get_if<TableChunk>(&*item);
      if (!drain_.published && (chunk == nullptr || chunk->rows > 0)) {
        CHECK_OK(check_place(drain_.commit_lsn));
        drain_.published = true;
      }
      TRY(const bool taken, drain_item(std::move(*item)));
      if (!taken) return ok();
      continue;
    }
    const Drain done = std::exchange(drain_, {});
    finish_transaction({done.commit_lsn, done.commit_time}, done.end_lsn, done.published);
  }
  return ok();
}

Result<bool> ChangeRouter::drain_item(SpoolItem item) {
  if (auto* chunk = std::get_if<TableChunk>(&item)) {
    TableRegistry::Table* table = tables_.find(chunk->schema->oid);
    if (table == nullptr || chunk->rows == 0) return true;
    auto route = TableRegistry::route(*table, drain_.xid);
    if (!route) return true;
    const auto shape =
        std::find_if(drain_.provisional.begin(), drain_.provisional.end(), [&](const Provisional& p) { return p.schema == chunk->schema; });
    if (shape != drain_.provisional.end()) {
      TRY(const TableSchemaPtr settled, settle(*shape, *table));
      route = TableRegistry::route(*table, drain_.xid);
      if (!route) return true;
      if (!settled) {
        drain_.held = std::move(*chunk);
        return false;
      }
      chunk->schema = settled;
    }
    mark_data(drain_.commit_time);
    table->rows_streamed += chunk->rows;
    builder_.append_chunk(std::move(*chunk), *route);
  } else if (const auto* truncate = std::get_if<SpooledTruncate>(&item)) {
    truncate_now(truncate->oid, truncate->ordinal, drain_.commit_lsn, drain_.xid, drain_.commit_time);
  } else {
    const auto& misfit = std::get<SpooledMisfit>(item);
    TableRegistry::Table* table = tables_.find(misfit.oid);
    if (table == nullptr || !TableRegistry::route(*table, drain_.xid)) return true;
    mark_data(drain_.commit_time);
    quarantine(*table, misfit.misfit, {epoch_, drain_.commit_lsn, misfit.ordinal});
  }
  return true;
}

void ChangeRouter::quarantine(TableRegistry::Table& table, const Misfit& misfit, Position position) {
  tables_.quarantine(table, quarantine_of(table.record.name, misfit, position), builder_);
  ledger_.operation_added();  // until its record is durable, nothing that it keeps out is complete
  if (options_.hold_on_quarantine) ledger_.hold(true);
  target_ = {};
}

Result<TableSchemaPtr> ChangeRouter::schema_of(RelationOid oid, TableRegistry::Table& table) {
  RelationCache::Entry* entry = relations_.find(stream_.value_or(0), oid);
  if (entry == nullptr) return undescribed(oid);
  if (entry->schema) return entry->schema;
  auto answer = ask_catalog(entry->message);
  if (!answer) return TableSchemaPtr{};
  // A commit is streamed before others see it: by a moment, or for as long as a synchronous standby is awaited.
  if (answer->table && !stream_ && current_ && !answer->seen.visible(current_->xid)) return TableSchemaPtr{};
  if (answer->table) return resolve(*entry, table, *answer->table);
  return unanswered(std::move(answer->table).error());
}

// Waiting on with the stream open would hold up the server for ever: a server that shuts down lets nobody in, and does not end before
// its walsender has sent the rest. The session ends, and everything that is not complete comes again.
Error ChangeRouter::unanswered(Error error) {
  if (error.recovery != Recovery::stop_pipeline) error.recovery = Recovery::reconnect;
  return error;
}

std::optional<CatalogPort::Answer> ChangeRouter::ask_catalog(const RelationMessage& relation) {
  if (catalog_waits_) {
    auto answer = catalog_.try_take_answer();
    if (!answer) return std::nullopt;
    const RelationOid asked = *catalog_waits_;
    catalog_waits_.reset();
    const bool stale = std::exchange(catalog_answer_stale_, false);
    ENSURE(answer->oid == asked, "catalog answers must come in the order of the requests");
    if (asked == relation.oid && !stale) return answer;
  }
  std::vector<Oid> types;
  for (const RelationColumn& column : relation.columns) types.push_back(column.type_oid);
  if (catalog_.try_request(relation.oid, std::move(types))) catalog_waits_ = relation.oid;
  return std::nullopt;
}

std::vector<ChangeRouter::Provisional> ChangeRouter::take_provisional(Xid32 xid) {
  auto found = provisional_.extract(xid);
  if (found.empty()) return {};
  for (Provisional& shape : found.mapped()) {
    RelationCache::Entry* entry = relations_.find(0, shape.schema->oid);
    shape.left_to_all = entry != nullptr && entry->schema == shape.schema;
    if (shape.left_to_all) entry->schema = nullptr;
  }
  return std::move(found.mapped());
}

Result<TableSchemaPtr> ChangeRouter::settle(Provisional& shape, TableRegistry::Table& table) {
  if (shape.settled) return shape.settled;
  auto answer = ask_catalog(shape.message);
  if (!answer) return TableSchemaPtr{};
  if (!answer->table) return unanswered(std::move(answer->table).error());
  if (!answer->seen.visible(drain_.xid)) return TableSchemaPtr{};
  const std::optional<CatalogTable>& catalog = *answer->table;
  if (!catalog) return shape.settled = shape.schema;  // gone by now
  const TableSchema* previous = table.stream_schema ? table.stream_schema.get() : table.record.schema.get();
  auto resolved = resolve_relation(shape.message, *catalog, previous, options_.columns, CatalogAge::not_behind);
  if (!resolved) {
    if (resolved.error().recovery != Recovery::quarantine_table) return std::move(resolved).error();
    quarantine_shape(table, resolved.error());
    return TableSchemaPtr{};
  }
  if (!reads_like(**resolved, *shape.schema)) {
    quarantine_shape(table, make_error(Recovery::quarantine_table, "ambiguous_schema",
                                       "the rows of " + to_string(shape.message.name) + " were read with another key than it turned out to have"));
    return TableSchemaPtr{};
  }
  shape.settled = take(table, with_missing_values(**resolved, *catalog), drain_.commit_lsn);
  if (!shape.settled) return TableSchemaPtr{};
  RelationCache::Entry* entry = shape.left_to_all ? relations_.find(0, shape.message.oid) : nullptr;
  if (entry != nullptr && !entry->schema) entry->schema = shape.settled;
  return shape.settled;
}

TableSchemaPtr ChangeRouter::take(TableRegistry::Table& table, SchemaWithMissing shape, Lsn since) {
  const bool copied = table.record.state == TableState::live || table.record.state == TableState::catching_up;
  const TableSchema* last = table.last_shape();
  if (copied && last != nullptr) {
    if (const Misfit* misfit = unfit_for(shape.unfit, last)) {
      quarantine_shape(table, quarantine_of(table.record.name, *misfit, {epoch_, since, 0}));
      return nullptr;
    }
    if (const ColumnSchema* column = published_later(*last, *shape.schema)) tables_.copy_published_later(table, *column);
  }
  return remember(table, std::move(shape), since);
}

TableSchemaPtr ChangeRouter::remember(TableRegistry::Table& table, SchemaWithMissing shape, Lsn since) {
  // The known object is kept, so that rows of both share a chunk; unless the new one knows of more columns that came and went, or of
  // other columns in old tuples.
  const TableSchemaPtr& known = table.stream_schema;
  const bool same = known && same_shape(*known, *shape.schema) && same_identity(*known, *shape.schema) && known->name == shape.schema->name;
  if (!same || known->newest_attnum < shape.schema->newest_attnum) table.stream_schema = std::move(shape.schema);
  table.unfit_defaults = std::move(shape.unfit);
  table.copied = nullptr;
  table.shape_lsn = std::max(table.shape_lsn, since);
  return table.stream_schema;
}

void ChangeRouter::quarantine_shape(TableRegistry::Table& table, const Error& error) {
  Quarantine why;
  why.code = error.code;
  why.reason = error.what;
  why.position = {epoch_, draining() ? drain_.commit_lsn : current_ ? current_->commit_lsn : Lsn{}, current_ ? current_->ordinal : 0};
  why.fix = "luge resync " + to_string(table.record.name);
  quarantine_shape(table, std::move(why));
}

void ChangeRouter::quarantine_shape(TableRegistry::Table& table, Quarantine why) {
  if (current_) mark_data(current_->commit_time);
  if (draining()) mark_data(drain_.commit_time);
  tables_.quarantine(table, std::move(why), builder_);
  ledger_.operation_added();  // until its record is durable, nothing that it keeps out is complete
  if (options_.hold_on_quarantine) ledger_.hold(true);
}

Result<TableSchemaPtr> ChangeRouter::resolve(RelationCache::Entry& entry, TableRegistry::Table& table, const std::optional<CatalogTable>& catalog) {
  const TableSchema* previous = table.stream_schema ? table.stream_schema.get() : table.record.schema.get();
  // A table that is gone by now can only be read with the shape it had before.
  CatalogTable gone;
  gone.oid = entry.message.oid;
  gone.name = entry.message.name;
  auto resolved = resolve_relation(entry.message, catalog ? *catalog : gone, previous, options_.columns,
                                   stream_ ? CatalogAge::may_be_behind : CatalogAge::not_behind);
  if (!resolved) {
    if (resolved.error().recovery != Recovery::quarantine_table) return std::move(resolved).error();
    quarantine_shape(table, resolved.error());
    return TableSchemaPtr{};
  }
  TableSchemaPtr schema = *resolved;
  if (binary_) {
    for (const ColumnSchema& column : schema->columns) {
      if (has_binary_reader(*column.type, column.typmod, column.value)) continue;
      return make_error(
          Recovery::reconnect, "needs_text",
          "column " + column.name + " of " + to_string(schema->name) + " has no exact reader for the binary format: the stream goes on in text");
    }
  }
  SchemaWithMissing shape{schema, {}};
  if (catalog) shape = with_missing_values(*schema, *catalog);
  if (stream_) {
    schema = std::move(shape.schema);  // what it asks of the rows that are there is looked at when it is settled
    provisional_[*stream_].push_back({schema, entry.message});
  } else {
    schema = take(table, std::move(shape), current_ ? current_->commit_lsn : ledger_.received());
  }
  entry.schema = schema;
  return schema;
}

}  // namespace luge
