#pragma once
#include <cstdint>
#include <deque>
#include <unordered_map>

#include "decode/message.h"
#include "model/table_schema.h"

namespace luge {

/// Which Relation message a row must be read with: the one received last on this connection for its OID, at the row's place in the
/// stream (never by name: a partition root and its leaf, or a dropped and a recreated table, may share one).
///
/// What arrives inside a streamed block is private to that transaction: it may carry DDL of its own, it may be aborted, and other
/// transactions interleave. The server tells a streamed transaction every relation anew, and again after any abort inside it
/// (pgoutput.c: maybe_send_schema, cleanup_rel_sync_cache), so a streamed row never falls back to the shared entries.
///
/// Single thread. Pointers to entries are valid until the entry is replaced, dropped or merged.
class RelationCache {
 public:
  struct Entry {
    RelationMessage message;
    TableSchemaPtr schema;  ///< null: not resolved against the catalog yet
  };

  /// A Relation message was received. `stream_xid`: top-level xid of the open streamed block, 0 outside of one; `subxid`: the xid
  /// inside the message (Message::stream_xid). The entry starts without a schema: an equal message may still mean other columns
  /// (one dropped and added again under its name).
  Entry& put(Xid32 stream_xid, Xid32 subxid, RelationMessage message);

  /// Null: the server has not described the relation where it had to.
  Entry* find(Xid32 stream_xid, RelationOid oid);

  /// The relation must be known.
  void set_schema(Xid32 stream_xid, RelationOid oid, TableSchemaPtr schema);

  /// The transaction's entries become everybody's, except where a later message has already described the relation.
  void stream_committed(Xid32 xid);
  /// subxid == xid: the whole transaction. Else: what `subxid` brought, and everything after its first entry.
  void stream_aborted(Xid32 xid, Xid32 subxid);
  /// At every START_REPLICATION.
  void clear();

 private:
  struct Received {
    Entry entry;
    Xid32 subxid = 0;
    std::uint64_t order = 0;
  };
  struct Overlay {
    std::deque<Received> log;                           // in order of arrival
    std::unordered_map<RelationOid, Received*> newest;  // into log
  };
  struct LastFound {
    Xid32 stream_xid = 0;
    RelationOid oid = 0;
    Entry* entry = nullptr;
  };

  std::unordered_map<RelationOid, Received> shared_;
  std::unordered_map<Xid32, Overlay> overlays_;  // by top-level xid
  std::uint64_t received_ = 0;
  LastFound last_found_;  // rows of one table come in runs
};

}  // namespace luge
