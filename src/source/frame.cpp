#include "source/frame.h"

#include <cstring>

namespace luge {

namespace {

constexpr std::size_t kDataHeader = 25;  // 'w', dataStart, walEnd, sendTime
constexpr std::size_t kKeepalive = 18;   // 'k', walEnd, sendTime, replyRequested

std::uint64_t read_u64(const char* at) {
  std::uint64_t value = 0;
  std::memcpy(&value, at, sizeof value);
  return __builtin_bswap64(value);
}

void write_u64(std::string& out, std::uint64_t value) {
  const std::uint64_t swapped = __builtin_bswap64(value);
  out.append(reinterpret_cast<const char*>(&swapped), sizeof swapped);
}

Error malformed(const char* kind, std::size_t size) {
  return fatal("malformed", std::string("a ") + kind + " message of the replication stream has " + std::to_string(size) + " bytes");
}

}  // namespace

Result<std::optional<WalFrame>> parse_frame(std::string_view copy_data) {
  if (copy_data.empty()) return malformed("copy", 0);
  WalFrame frame;
  switch (copy_data.front()) {
    case 'w':
      if (copy_data.size() < kDataHeader) return malformed("data", copy_data.size());
      frame.kind = WalFrame::Kind::data;
      frame.wal_end = Lsn{read_u64(copy_data.data() + 9)};
      frame.send_time = PgTimestamp{static_cast<std::int64_t>(read_u64(copy_data.data() + 17))};
      frame.payload = copy_data.substr(kDataHeader);
      return std::optional<WalFrame>(frame);
    case 'k':
      if (copy_data.size() != kKeepalive) return malformed("keepalive", copy_data.size());
      frame.kind = WalFrame::Kind::keepalive;
      frame.wal_end = Lsn{read_u64(copy_data.data() + 1)};
      frame.send_time = PgTimestamp{static_cast<std::int64_t>(read_u64(copy_data.data() + 9))};
      frame.reply_requested = copy_data[17] != 0;
      return std::optional<WalFrame>(frame);
    default: return std::optional<WalFrame>{};
  }
}

std::string encode_feedback(const Feedback& feedback, PgTimestamp now) {
  std::string out = "r";
  write_u64(out, feedback.written.value);
  write_u64(out, feedback.flushed.value);
  write_u64(out, feedback.applied.value);
  write_u64(out, static_cast<std::uint64_t>(now.micros));
  out += feedback.reply_requested ? '\1' : '\0';
  return out;
}

}  // namespace luge
