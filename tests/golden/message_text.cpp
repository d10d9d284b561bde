#include "golden/message_text.h"

#include <cstdio>

namespace luge {

namespace {

std::string escape(std::string_view raw) {
  char text[64];
  if (raw.size() > 64) {
    std::uint64_t digest = 0xCBF29CE484222325U;  // FNV-1a
    for (const char byte : raw) digest = (digest ^ static_cast<unsigned char>(byte)) * 0x100000001B3U;
    std::snprintf(text, sizeof text, "[%zu bytes, %016llx]", raw.size(), static_cast<unsigned long long>(digest));
    return text;
  }
  std::string out;
  for (const char byte : raw) {
    if (byte > ' ' && byte < 0x7F && byte != '\\') {
      out += byte;
    } else {
      std::snprintf(text, sizeof text, "\\x%02x", static_cast<unsigned>(static_cast<unsigned char>(byte)));
      out += text;
    }
  }
  return out;
}

std::string number(auto value) { return std::to_string(value); }
std::string time(PgTimestamp at) { return number(at.micros); }

struct BodyText {
  std::string xid;

  std::string operator()(const BeginMessage& m) const {
    return "Begin final_lsn=" + to_string(m.final_lsn) + " time=" + time(m.commit_time) + " xid=" + number(m.xid);
  }
  std::string operator()(const CommitMessage& m) const {
    return "Commit commit_lsn=" + to_string(m.commit_lsn) + " end_lsn=" + to_string(m.end_lsn) + " time=" + time(m.commit_time);
  }
  std::string operator()(const OriginMessage& m) const { return "Origin lsn=" + to_string(m.origin_lsn) + " name=" + escape(m.name); }
  std::string operator()(const RelationMessage& m) const {
    std::string text = "Relation" + xid + " oid=" + number(m.oid) + " name=" + escape(m.name.schema) + "." + escape(m.name.table) +
                       " identity=" + static_cast<char>(m.identity);
    for (const RelationColumn& column : m.columns) {
      text += " " + escape(column.name) + ":" + number(column.type_oid) + ":" + number(column.typmod) + (column.in_identity ? ":key" : "");
    }
    return text;
  }
  std::string operator()(const TypeMessage& m) const {
    return "Type" + xid + " oid=" + number(m.oid) + " name=" + escape(m.schema) + "." + escape(m.name);
  }
  std::string operator()(const RowMessage& m) const {
    const TableRow& row = m.row;
    std::string text = (row.op == RowOp::insert ? "Insert" : row.op == RowOp::update ? "Update" : "Delete") + xid + " oid=" + number(row.relation);
    if (row.old_tuple != OldTuple::none) text += (row.old_tuple == OldTuple::key ? " key=" : " old=") + to_text(row.before);
    if (row.op != RowOp::remove) text += " new=" + to_text(row.after);
    return text;
  }
  std::string operator()(const TruncateMessage& m) const {
    std::string oids;
    for (const RelationOid oid : m.relations) oids += (oids.empty() ? "" : ",") + number(oid);
    return "Truncate" + xid + " oids=" + oids + " cascade=" + (m.cascade ? "1" : "0") + " restart=" + (m.restart_identity ? "1" : "0");
  }
  std::string operator()(const LogicalMessage& m) const {
    return "Message" + xid + " transactional=" + (m.transactional ? "1" : "0") + " lsn=" + to_string(m.lsn) + " prefix=" + escape(m.prefix) +
           " content=" + escape(m.content);
  }
  std::string operator()(const StreamStartMessage& m) const { return "StreamStart xid=" + number(m.xid) + " first=" + (m.first_segment ? "1" : "0"); }
  std::string operator()(const StreamStopMessage&) const { return "StreamStop"; }
  std::string operator()(const StreamCommitMessage& m) const {
    return "StreamCommit xid=" + number(m.xid) + " commit_lsn=" + to_string(m.commit_lsn) + " end_lsn=" + to_string(m.end_lsn) +
           " time=" + time(m.commit_time);
  }
  std::string operator()(const StreamAbortMessage& m) const { return "StreamAbort xid=" + number(m.xid) + " subxid=" + number(m.subxid); }
};

}  // namespace

std::string to_text(const Message& message) {
  return std::visit(BodyText{message.stream_xid == 0 ? "" : " xid=" + std::to_string(message.stream_xid)}, message.body);
}

std::string to_text(std::span<const ValueView> values) {
  std::string text = "( ";
  for (const ValueView& value : values) {
    switch (value.state) {
      case ValueState::null: text += "n"; break;
      case ValueState::unchanged: text += "u"; break;
      case ValueState::text: text += "t:" + escape(value.bytes); break;
      case ValueState::binary: text += "b:" + escape(value.bytes); break;
    }
    text += " ";
  }
  return text + ")";
}

}  // namespace luge
