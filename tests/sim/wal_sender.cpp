#include "sim/wal_sender.h"

#include <algorithm>

#include "base/ensure.h"
#include "sim/pgoutput_writer.h"

namespace luge {

namespace {
constexpr std::size_t kNetworkFrames = 64;  // what fits between the two ends
}

WalSender::WalSender(SimPostgres& server, bool streaming, Dice dice, const Instant& now, Marks& marks)
    : server_(server),
      streaming_(streaming),
      dice_(dice),
      now_(now),
      marks_(marks),
      start_(server.slot().confirmed),
      sent_(start_),
      last_reply_(now) {
  // restart_lsn: the first record of any transaction that has to be sent.
  Lsn restart = start_;
  const auto& wal = server_.wal();
  for (const WalRecord& record : wal) {
    const SourceTransaction* transaction = record.transaction;
    if (transaction == nullptr || transaction->first_lsn.is_zero() || transaction->first_lsn >= restart) continue;
    const bool finished_before = (record.kind == WalRecord::Kind::commit || record.kind == WalRecord::Kind::abort) && record.lsn < start_;
    const bool open = transaction->state == SourceTransaction::State::running || transaction->commit_lsn >= start_;
    if (!finished_before && open) restart = transaction->first_lsn;
  }
  while (next_record_ < wal.size() && wal[next_record_].lsn < restart) ++next_record_;
}

void WalSender::run() {
  const auto& wal = server_.wal();
  while (next_record_ < wal.size() && wal[next_record_].end <= server_.flushed_lsn() && queue_.size() < kNetworkFrames) {
    const WalRecord& record = wal[next_record_++];
    decode(record);
    sent_ = std::max(sent_, record.end);
  }
  const bool caught_up = next_record_ >= wal.size() || wal[next_record_].end > server_.flushed_lsn();
  const Duration timeout = server_.options().wal_sender_timeout;
  if (queue_.size() >= kNetworkFrames) return;
  if (!asked_ && timeout.count() != 0 && now_ - last_reply_ >= timeout / 2) {
    keepalive(true);
    asked_ = true;
  } else if (caught_up && client_flush_ < sent_ && client_write_ < sent_ && now_ - last_keepalive_ >= std::chrono::milliseconds(50)) {
    keepalive(false);  // WalSndWaitForWal
  }
}

bool WalSender::timed_out() const {
  const Duration timeout = server_.options().wal_sender_timeout;
  return timeout.count() != 0 && now_ - last_reply_ >= timeout;
}

Instant WalSender::next_due() const {
  Instant due{INT64_MAX};
  if (!queue_.empty() && queue_.front().arrives > now_) due = queue_.front().arrives;
  const Duration timeout = server_.options().wal_sender_timeout;
  if (timeout.count() != 0) due = std::min(due, last_reply_ + (asked_ || queue_.size() >= kNetworkFrames ? timeout : timeout / 2));
  if (queue_.size() < kNetworkFrames && client_flush_ < sent_ && client_write_ < sent_)
    due = std::min(due, std::max(now_, last_keepalive_) + std::chrono::milliseconds(50));
  return due;
}

void WalSender::reply(const Feedback& feedback) {
  last_reply_ = now_;
  asked_ = false;
  client_write_ = feedback.written;
  client_flush_ = std::max(client_flush_, feedback.flushed);
  if (feedback.reply_requested) keepalive(false);
}

SentFrame WalSender::take() {
  SentFrame frame = std::move(queue_.front());
  queue_.pop_front();
  return frame;
}

void WalSender::send(std::string payload) {
  SentFrame frame;
  frame.payload = std::move(payload);
  last_arrival_ = std::max(last_arrival_, now_ + dice_.micros(50, 2000));
  frame.arrives = last_arrival_;
  queue_.push_back(std::move(frame));
}

void WalSender::keepalive(bool reply_requested) {
  send({});
  SentFrame& frame = queue_.back();
  frame.kind = WalFrame::Kind::keepalive;
  frame.wal_end = sent_;
  frame.reply_requested = reply_requested;
  frame.legal_position = sent_;
  last_keepalive_ = now_;
}

void WalSender::decode(const WalRecord& record) {
  if (record.kind == WalRecord::Kind::invalidation) return invalidate(record.oid);
  if (record.kind == WalRecord::Kind::running_transactions) {
    // ReorderBufferAbortOld: what was open at the crash will never end by itself.
    for (SourceTransaction* dead : std::vector(order_)) {
      if (buffer_[dead].streamed) {
        send(PgoutputWriter::stream_abort(dead->xid, dead->xid));
        marks_.hit(Mark::crashed_transactions_aborted);
      }
      drop(*dead);
    }
    return;
  }
  SourceTransaction& transaction = *record.transaction;
  if (!buffer_.contains(&transaction)) order_.push_back(&transaction);
  Buffered& buffered = buffer_[&transaction];
  switch (record.kind) {
    case WalRecord::Kind::change:
      buffered.changes.push_back(record.change);
      ++buffered_changes_;
      // ReorderBufferCanStartStreaming: not while reading WAL from before the start.
      if (streaming_ && record.lsn >= start_ && buffered_changes_ > server_.options().decoding_work_changes) stream_largest();
      return;
    case WalRecord::Kind::sub_abort:
      for (const Xid subxid : record.subxids) abort(transaction, subxid);
      return;
    case WalRecord::Kind::abort:
      for (const Xid subxid : record.subxids) {
        if (subxid != transaction.xid) abort(transaction, subxid);
      }
      if (buffered.streamed) {
        send(PgoutputWriter::stream_abort(transaction.xid, transaction.xid));
        marks_.hit(Mark::streamed_aborts);
      }
      for (const Change& change : transaction.changes) {
        if (buffered.streamed && change.kind == Change::Kind::alter) invalidate(change.oid());
      }
      return drop(transaction);
    default: break;
  }
  // Commit.
  if (record.lsn < start_) return drop(transaction);
  if (buffered.streamed) {
    stream(transaction, buffered);
    send(PgoutputWriter::stream_commit(transaction));
    for (auto& [oid, entry] : relations_) {
      if (auto told = entry.streamed_in.extract(transaction.xid)) entry.sent = told.mapped();
    }
    marks_.hit(Mark::streamed_commits);
  } else {
    const bool empty =
        std::none_of(buffered.changes.begin(), buffered.changes.end(), [&](std::size_t i) { return transaction.changes[i].published(); });
    if (empty && server_.options().skip_empty) {
      for (const Change& change : transaction.changes) {
        if (change.kind == Change::Kind::alter) invalidate(change.oid());
      }
      return drop(transaction);
    }
    send(PgoutputWriter::begin(transaction));
    if (transaction.has_origin) send(PgoutputWriter::origin(transaction.first_lsn));
    for (const std::size_t index : buffered.changes) send_change(transaction, transaction.changes[index], false);
    send(PgoutputWriter::commit(transaction));
  }
  if (!transaction.visible) marks_.hit(Mark::invisible_commits_streamed);
  queue_.back().legal_position = transaction.end_lsn;
  queue_.back().commit_lsn = transaction.commit_lsn;
  for (const Change& change : transaction.changes) {
    if (change.kind == Change::Kind::alter) invalidate(change.oid());
  }
  drop(transaction);
}

void WalSender::drop(SourceTransaction& transaction) {
  buffered_changes_ -= buffer_[&transaction].changes.size();
  buffer_.erase(&transaction);
  std::erase(order_, &transaction);
  for (auto& [oid, entry] : relations_) entry.streamed_in.erase(transaction.xid);
}

// ReorderBufferAbort of a subtransaction: told only if something of it was streamed.
void WalSender::abort(SourceTransaction& transaction, Xid subxid) {
  Buffered& buffered = buffer_[&transaction];
  buffered_changes_ -= std::erase_if(buffered.changes, [&](std::size_t i) { return transaction.changes[i].subxid == subxid; });
  if (buffered.streamed_subxids.erase(subxid) == 0) return;
  send(PgoutputWriter::stream_abort(transaction.xid, subxid));
  for (auto& [oid, entry] : relations_) entry.streamed_in.erase(transaction.xid);  // pgoutput_stream_abort: cleanup_rel_sync_cache
  marks_.hit(Mark::streamed_sub_aborts);
  for (const Change& change : transaction.changes) {
    if (change.subxid == subxid && change.kind == Change::Kind::alter) invalidate(change.oid());
  }
}

void WalSender::stream_largest() {
  SourceTransaction* largest = nullptr;
  for (SourceTransaction* candidate : order_) {
    if (largest == nullptr || buffer_[candidate].changes.size() > buffer_[largest].changes.size()) largest = candidate;
  }
  if (largest == nullptr || buffer_[largest].changes.empty()) return;
  stream(*largest, buffer_[largest]);
}

void WalSender::stream(SourceTransaction& transaction, Buffered& buffered) {
  if (buffered.changes.empty()) return;
  send(PgoutputWriter::stream_start(transaction.xid, !buffered.streamed));
  if (!buffered.streamed && transaction.has_origin) send(PgoutputWriter::origin({}));
  buffered.streamed = true;
  for (const std::size_t index : buffered.changes) {
    const Change& change = transaction.changes[index];
    if (change.subxid != transaction.xid) buffered.streamed_subxids.insert(change.subxid);
    send_change(transaction, change, true);
  }
  send(PgoutputWriter::stream_stop());
  buffered_changes_ -= buffered.changes.size();
  buffered.changes.clear();
}

void WalSender::send_relation(const TableDefPtr& def, const SourceTransaction& transaction, Xid subxid, bool in_stream) {
  RelationEntry& entry = relations_[def->oid];
  TableDefPtr& told = in_stream ? entry.streamed_in[transaction.xid] : entry.sent;
  if (!told) {
    send(PgoutputWriter::relation(*def, in_stream ? subxid : 0));
    told = def;
  }
  ENSURE(told == def, "the simulated server sends a row in another shape than it told last");
}

void WalSender::send_change(const SourceTransaction& transaction, const Change& change, bool in_stream) {
  if (change.kind == Change::Kind::alter) return invalidate(change.oid());
  if (!change.published()) return;
  for (const auto& target : change.targets) {
    if (target.published) send_relation(target.def, transaction, change.subxid, in_stream);
  }
  const Xid xid = in_stream ? change.subxid : 0;
  if (change.kind == Change::Kind::truncate) return send(PgoutputWriter::truncate(change, xid));
  bool unchanged = false;
  send(PgoutputWriter::row(change, xid, unchanged));
  if (unchanged) marks_.hit(Mark::unchanged_values);
}

}  // namespace luge
