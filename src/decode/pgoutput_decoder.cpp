#include "decode/pgoutput_decoder.h"

#include <cstdio>
#include <span>
#include <utility>

#include "decode/message_reader.h"

namespace luge {

namespace {

std::string printable_tag(char tag) {
  if (tag > ' ' && tag < 0x7f) return std::string("'") + tag + "'";
  char text[8];
  std::snprintf(text, sizeof text, "0x%02X", static_cast<unsigned>(static_cast<unsigned char>(tag)));
  return text;
}

Error malformed(char tag, std::size_t offset, const char* reason) {
  return fatal("malformed", "pgoutput message " + printable_tag(tag) + " is malformed at byte " + std::to_string(offset) + ": " + reason,
               "nothing of it was applied; report this with the server's version");
}

Lsn read_lsn(MessageReader& in) { return Lsn{in.u64()}; }
PgTimestamp read_time(MessageReader& in) { return PgTimestamp{in.i64()}; }

Xid32 read_xid(MessageReader& in) {
  const Xid32 xid = in.u32();
  if (xid == 0) in.fail("invalid transaction id");
  return xid;
}

// logicalrep_read_commit: flags are unused so far, and the server's own worker refuses others too.
void expect_no_flags(MessageReader& in) {
  if (in.u8() != 0) in.fail("unknown flags");
}

// The wire's empty namespace is pg_catalog (logicalrep_write_namespace).
std::string_view read_namespace(MessageReader& in) {
  const std::string_view name = in.c_string();
  return name.empty() ? "pg_catalog" : name;
}

BeginMessage read_begin(MessageReader& in) {
  BeginMessage message;
  message.final_lsn = read_lsn(in);
  message.commit_time = read_time(in);
  message.xid = read_xid(in);
  return message;
}

CommitMessage read_commit(MessageReader& in) {
  CommitMessage message;
  expect_no_flags(in);
  message.commit_lsn = read_lsn(in);
  message.end_lsn = read_lsn(in);
  message.commit_time = read_time(in);
  return message;
}

OriginMessage read_origin(MessageReader& in) {
  OriginMessage message;
  message.origin_lsn = read_lsn(in);
  message.name = in.c_string();
  return message;
}

ReplicaIdentity read_identity(MessageReader& in) {
  const char identity = static_cast<char>(in.u8());
  switch (identity) {
    case 'd':
    case 'n':
    case 'f':
    case 'i': return static_cast<ReplicaIdentity>(identity);
    default: in.fail("unknown replica identity"); return ReplicaIdentity::nothing;
  }
}

RelationMessage read_relation(MessageReader& in) {
  constexpr std::size_t kMinColumnSize = 1 + 1 + 4 + 4;  // flags, empty name, type, typmod
  RelationMessage message;
  message.oid = in.u32();
  message.name.schema = read_namespace(in);
  message.name.table = in.c_string();
  message.identity = read_identity(in);
  message.columns.resize(in.count(in.i16(), kMinColumnSize));
  for (RelationColumn& column : message.columns) {
    column.in_identity = (in.u8() & 1U) != 0;
    column.name = in.c_string();
    column.type_oid = in.u32();
    column.typmod = in.i32();
  }
  return message;
}

TypeMessage read_type(MessageReader& in) {
  TypeMessage message;
  message.oid = in.u32();
  message.schema = read_namespace(in);
  message.name = in.c_string();
  return message;
}

void read_tuple(MessageReader& in, std::vector<ValueView>& values) {
  values.resize(in.count(in.i16(), 1));
  for (ValueView& value : values) {
    switch (in.u8()) {
      case 't':
        value.state = ValueState::text;
        value.bytes = in.bytes(in.i32());
        break;
      case 'b':
        value.state = ValueState::binary;
        value.bytes = in.bytes(in.i32());
        break;
      case 'n': value = {}; break;
      case 'u': value = {ValueState::unchanged, {}}; break;
      default: in.fail("unknown value kind"); return;
    }
  }
}

TruncateMessage read_truncate(MessageReader& in) {
  TruncateMessage message;
  const std::int32_t relations = in.i32();
  const std::uint8_t flags = in.u8();
  message.cascade = (flags & 1U) != 0;
  message.restart_identity = (flags & 2U) != 0;
  message.relations.resize(in.count(relations, sizeof(RelationOid)));
  for (RelationOid& relation : message.relations) relation = in.u32();
  return message;
}

LogicalMessage read_logical(MessageReader& in) {
  LogicalMessage message;
  message.transactional = (in.u8() & 1U) != 0;
  message.lsn = read_lsn(in);
  message.prefix = in.c_string();
  message.content = in.bytes(in.i32());
  return message;
}

StreamStartMessage read_stream_start(MessageReader& in) {
  StreamStartMessage message;
  message.xid = read_xid(in);
  message.first_segment = in.u8() == 1;
  return message;
}

StreamCommitMessage read_stream_commit(MessageReader& in) {
  StreamCommitMessage message;
  message.xid = read_xid(in);
  expect_no_flags(in);
  message.commit_lsn = read_lsn(in);
  message.end_lsn = read_lsn(in);
  message.commit_time = read_time(in);
  return message;
}

// streaming 'on', never 'parallel': no abort LSN and time follow.
StreamAbortMessage read_stream_abort(MessageReader& in) {
  StreamAbortMessage message;
  message.xid = read_xid(in);
  message.subxid = read_xid(in);
  return message;
}

struct Tuples {
  std::vector<ValueView>& before;
  std::vector<ValueView>& after;
};

TableRow read_row(char tag, MessageReader& in, Tuples tuples) {
  TableRow row;
  row.op = tag == 'I' ? RowOp::insert : tag == 'U' ? RowOp::update : RowOp::remove;
  row.relation = in.u32();
  std::uint8_t marker = in.u8();
  if (tag != 'I' && (marker == 'K' || marker == 'O')) {
    row.old_tuple = marker == 'K' ? OldTuple::key : OldTuple::full;
    read_tuple(in, tuples.before);
    row.before = tuples.before;
    if (tag == 'D') return row;
    marker = in.u8();
  }
  if (tag == 'D' || marker != 'N')
    in.fail("unknown tuple kind");
  else
    read_tuple(in, tuples.after);
  row.after = tuples.after;
  return row;
}

// Which messages may come where (pgoutput.c: Begin, Commit, Stream Commit and Stream Abort are only written outside of a block).
const char* misplaced(char tag, bool in_stream) {
  switch (tag) {
    case 'B':
    case 'C':
    case 'S':
    case 'c':
    case 'A': return in_stream ? "not allowed inside a streamed block" : nullptr;
    case 'E': return in_stream ? nullptr : "stream stop without a stream start";
    case 'b':
    case 'P':
    case 'K':
    case 'r':
    case 'p': return "two-phase commit was not asked for";
    default: return nullptr;
  }
}

}  // namespace

Result<Message> PgOutputDecoder::decode(std::string_view payload) {
  if (payload.empty()) return fatal("malformed", "pgoutput message without a tag", "report this with the server's version");
  MessageReader in(payload);
  const char tag = static_cast<char>(in.u8());
  if (const char* reason = misplaced(tag, in_stream_)) return malformed(tag, 0, reason);

  Message message;
  const auto read_stream_xid = [&] {
    if (in_stream_) message.stream_xid = read_xid(in);
  };
  switch (tag) {
    case 'I':
    case 'U':
    case 'D':
      read_stream_xid();
      message.body = RowMessage{read_row(tag, in, {before_, after_})};
      break;
    case 'B': message.body = read_begin(in); break;
    case 'C': message.body = read_commit(in); break;
    case 'O': message.body = read_origin(in); break;
    case 'R':
      read_stream_xid();
      message.body = read_relation(in);
      break;
    case 'Y':
      read_stream_xid();
      message.body = read_type(in);
      break;
    case 'T':
      read_stream_xid();
      message.body = read_truncate(in);
      break;
    case 'M':
      read_stream_xid();
      message.body = read_logical(in);
      break;
    case 'S': message.body = read_stream_start(in); break;
    case 'E': message.body = StreamStopMessage{}; break;
    case 'c': message.body = read_stream_commit(in); break;
    case 'A': message.body = read_stream_abort(in); break;
    default: return malformed(tag, 0, "unknown message tag");
  }
  in.expect_end();
  if (in.failed()) return malformed(tag, in.offset(), in.reason());
  if (tag == 'S') in_stream_ = true;
  if (tag == 'E') in_stream_ = false;
  return message;
}

}  // namespace luge
