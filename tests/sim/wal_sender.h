#pragma once
#include <cstdint>
#include <deque>
#include <map>
#include <set>
#include <string>

#include "sim/dice.h"
#include "sim/sim_postgres.h"
#include "source/replication_stream.h"

namespace luge {

/// One frame on its way to the client.
struct SentFrame {
  WalFrame::Kind kind = WalFrame::Kind::data;
  std::string payload;
  Lsn wal_end;             ///< keepalive: sentPtr
  bool reply_requested = false;
  Lsn legal_position;      ///< what may be acknowledged once this arrived: Commit.end_lsn or the keepalive's position; 0: nothing
  Lsn commit_lsn;          ///< of the transaction that ends here; 0: none
  Instant arrives;
};

/// The server's end of one replication connection: reorder buffer, output plugin, keepalives and the time-out.
class WalSender {
 public:
  WalSender(SimPostgres& server, bool streaming, Dice dice, const Instant& now, Marks& marks);

  /// Decodes what is flushed, as far as the network takes it.
  void run();
  /// A status update arrived from the client.
  void reply(const Feedback& feedback);

  bool has_arrived() const { return !queue_.empty() && queue_.front().arrives <= now_; }
  SentFrame take();
  /// wal_sender_timeout has passed in silence: the server is about to drop the client, without a word.
  bool timed_out() const;
  Instant next_due() const;
  Instant last_reply() const { return last_reply_; }

 private:
  struct Buffered {
    std::deque<std::size_t> changes;  ///< decoded and not sent yet
    bool streamed = false;
    std::set<Xid> streamed_subxids;
  };
  /// What the client was told last: by whole transactions, and inside each streamed one. Null: nothing, or not this any more.
  struct RelationEntry {
    TableDefPtr sent;
    std::map<Xid, TableDefPtr> streamed_in;
  };

  void decode(const WalRecord& record);
  void send(std::string payload);
  void keepalive(bool reply_requested);
  void stream_largest();
  void stream(SourceTransaction& transaction, Buffered& buffered);
  void send_change(const SourceTransaction& transaction, const Change& change, bool in_stream);
  void send_relation(const TableDefPtr& def, const SourceTransaction& transaction, Xid subxid, bool in_stream);
  void invalidate(RelationOid oid) { relations_[oid] = {}; }
  void abort(SourceTransaction& transaction, Xid subxid);
  void drop(SourceTransaction& transaction);

  SimPostgres& server_;
  const bool streaming_;
  Dice dice_;
  const Instant& now_;
  Marks& marks_;

  const Lsn start_;           ///< transactions that committed before are not sent
  std::size_t next_record_ = 0;
  Lsn sent_;                  ///< sentPtr
  std::map<SourceTransaction*, Buffered> buffer_;
  std::vector<SourceTransaction*> order_;  ///< of appearance: pointers have no order of their own
  std::size_t buffered_changes_ = 0;
  std::map<RelationOid, RelationEntry> relations_;
  std::deque<SentFrame> queue_;
  Instant last_arrival_;
  Instant last_reply_;
  Instant last_keepalive_;
  bool asked_ = false;
  Lsn client_flush_;
  Lsn client_write_;
};

}  // namespace luge
