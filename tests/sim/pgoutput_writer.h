#pragma once
#include <string>

#include "sim/source_transaction.h"

namespace luge {

/// Writes pgoutput messages as proto.c does: protocol 2, text format. `stream_xid` is the (sub)transaction of a message inside a
/// streamed block; 0 outside of one.
class PgoutputWriter {
 public:
  static std::string begin(const SourceTransaction& transaction);
  static std::string commit(const SourceTransaction& transaction);
  static std::string origin(Lsn lsn);
  static std::string relation(const TableDef& def, Xid stream_xid);
  /// Insert, update or delete.
  static std::string row(const Change& change, Xid stream_xid, bool& has_unchanged);
  /// Of the published tables only.
  static std::string truncate(const Change& change, Xid stream_xid);
  static std::string stream_start(Xid xid, bool first_segment);
  static std::string stream_stop();
  static std::string stream_commit(const SourceTransaction& transaction);
  static std::string stream_abort(Xid xid, Xid subxid);
};

}  // namespace luge
