// A stream of messages, each after its length (two bytes, big-endian). A row that was understood must be what the bytes say:
// written again it is the same message, and all its values lie inside the payload.
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "base/ensure.h"
#include "decode/message_reader.h"
#include "decode/pgoutput_decoder.h"
#include "decode/relation_cache.h"
#include "support/wire_writer.h"

namespace luge {
namespace {

void write_tuple(WireWriter& out, std::span<const ValueView> values, std::string_view payload) {
  out.i16(static_cast<int>(values.size()));
  for (const ValueView& value : values) {
    const bool sent = value.state == ValueState::text || value.state == ValueState::binary;
    ENSURE(sent || value.bytes.empty(), "a value that was not sent has no bytes");
    ENSURE(!sent || (value.bytes.data() >= payload.data() && value.bytes.data() + value.bytes.size() <= payload.data() + payload.size()),
           "a value outside of its payload");
    if (value.state == ValueState::null) out.null();
    if (value.state == ValueState::unchanged) out.unchanged();
    if (value.state == ValueState::text) out.text(value.bytes);
    if (value.state == ValueState::binary) out.binary(value.bytes);
  }
}

std::string write_row(const TableRow& row, Xid32 stream_xid, std::string_view payload) {
  WireWriter out;
  out.u8(row.op == RowOp::insert ? 'I' : row.op == RowOp::update ? 'U' : 'D');
  if (stream_xid != 0) out.u32(stream_xid);
  out.u32(row.relation);
  if (row.old_tuple != OldTuple::none) {
    out.u8(row.old_tuple == OldTuple::key ? 'K' : 'O');
    write_tuple(out, row.before, payload);
  }
  if (row.op != RowOp::remove) {
    out.u8('N');
    write_tuple(out, row.after, payload);
  }
  return out.str();
}

// The decoder with the relation cache behind it, as a pipeline uses them.
class Stream {
 public:
  void receive(std::string_view payload) {
    auto message = decoder_.decode(payload);
    if (!message) {
      ENSURE(message.error().code == "malformed", "a decoder's error has one code");
      return;
    }
    std::visit([&](auto& body) { take(body, message->stream_xid, payload); }, message->body);
  }

 private:
  void take(RowMessage& message, Xid32 stream_xid, std::string_view payload) {
    ENSURE(write_row(message.row, stream_xid, payload) == payload, "a row that was understood is the payload");
    relations_.find(stream_, message.row.relation);
  }
  void take(RelationMessage& message, Xid32 stream_xid, std::string_view) {
    const RelationOid oid = message.oid;
    relations_.put(stream_, stream_xid, std::move(message));
    ENSURE(relations_.find(stream_, oid) != nullptr, "a relation just received is known");
  }
  void take(StreamStartMessage& message, Xid32, std::string_view) { stream_ = message.xid; }
  void take(StreamStopMessage&, Xid32, std::string_view) { stream_ = 0; }
  void take(StreamCommitMessage& message, Xid32, std::string_view) { relations_.stream_committed(message.xid); }
  void take(StreamAbortMessage& message, Xid32, std::string_view) { relations_.stream_aborted(message.xid, message.subxid); }
  void take(auto&, Xid32, std::string_view) {}

  PgOutputDecoder decoder_;
  RelationCache relations_;
  Xid32 stream_ = 0;
};

}  // namespace
}  // namespace luge

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  luge::Stream stream;
  luge::MessageReader in({reinterpret_cast<const char*>(data), size});
  while (in.remaining() > 0 && !in.failed()) {
    const std::string payload(in.bytes(static_cast<std::uint16_t>(in.i16())));  // its own allocation: the sanitizer sees its end
    if (!in.failed()) stream.receive(payload);
  }
  return 0;
}
