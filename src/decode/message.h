#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/clock.h"
#include "model/position.h"
#include "model/table_row.h"
#include "model/table_schema.h"

namespace luge {

// pgoutput messages (protocol-logicalrep-message-formats; proto.c). Views are borrowed from the frame.

struct BeginMessage {
  Lsn final_lsn;  ///< start of the commit record: the transaction's place in the order
  PgTimestamp commit_time;
  Xid32 xid = 0;
};
struct CommitMessage {
  Lsn commit_lsn;
  Lsn end_lsn;
  PgTimestamp commit_time;
};
struct OriginMessage {
  Lsn origin_lsn;
  std::string_view name;
};
struct RelationColumn {
  std::string name;
  Oid type_oid = 0;
  std::int32_t typmod = -1;
  bool in_identity = false;
};
struct RelationMessage {
  RelationOid oid = 0;
  TableName name;  ///< schema "" on the wire means pg_catalog
  ReplicaIdentity identity = ReplicaIdentity::key;
  std::vector<RelationColumn> columns;
};
struct TypeMessage {
  Oid oid = 0;
  std::string_view schema;
  std::string_view name;
};
struct RowMessage {
  TableRow row;
};
struct TruncateMessage {
  std::vector<RelationOid> relations;
  bool cascade = false;
  bool restart_identity = false;
};
struct LogicalMessage {
  bool transactional = false;
  Lsn lsn;
  std::string_view prefix;
  std::string_view content;
};
struct StreamStartMessage {
  Xid32 xid = 0;
  bool first_segment = false;
};
struct StreamStopMessage {};
struct StreamCommitMessage {
  Xid32 xid = 0;
  Lsn commit_lsn;
  Lsn end_lsn;
  PgTimestamp commit_time;
};
struct StreamAbortMessage {
  Xid32 xid = 0;
  Xid32 subxid = 0;  ///< equal to xid: the whole transaction
};

/// `stream_xid` of a message inside a streamed block is the (sub)transaction that wrote it; 0 outside.
struct Message {
  Xid32 stream_xid = 0;
  std::variant<BeginMessage, CommitMessage, OriginMessage, RelationMessage, TypeMessage, RowMessage, TruncateMessage, LogicalMessage,
               StreamStartMessage, StreamStopMessage, StreamCommitMessage, StreamAbortMessage>
      body;
};

}  // namespace luge
