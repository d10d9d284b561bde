#pragma once
#include <string_view>
#include <vector>

#include "base/result.h"
#include "decode/message.h"

namespace luge {

/// Turns pgoutput payloads into messages. Remembers only whether it is inside a streamed block. Every read is bounds-checked;
/// negative lengths, trailing bytes, unknown tags and prepared-transaction messages (two_phase is never asked for) are errors
/// with recovery stop_pipeline and code "malformed"; they name the tag and the offset.
/// Tuples are borrowed: they live until the next decode() and only as long as the payload does.
class PgOutputDecoder {
 public:
  Result<Message> decode(std::string_view payload);
  /// At every START_REPLICATION.
  void reset() { in_stream_ = false; }

 private:
  bool in_stream_ = false;
  std::vector<ValueView> before_;
  std::vector<ValueView> after_;
};

}  // namespace luge
