#include "decode/copy_reader.h"

#include <algorithm>
#include <utility>

#include "base/ensure.h"
#include "decode/message_reader.h"

namespace luge {

namespace {

constexpr std::string_view kSignature{"PGCOPY\n\377\r\n\0", 11};
constexpr std::size_t kHeaderSize = kSignature.size() + 4 + 4;  // flags, length of the extension
constexpr std::uint32_t kCriticalFlags = 0xFFFF0000U;           // "a reader must give up": bit 16 would add OIDs (before 12)
constexpr std::int16_t kTrailer = -1;
constexpr std::int32_t kNull = -1;

}  // namespace

CopyReader::CopyReader(std::vector<bool> text_columns) : values_(text_columns.size()), text_columns_(std::move(text_columns)) {}

void CopyReader::feed(std::string_view bytes) {
  ENSURE(drained_, "copy data fed before the last was read");
  drained_ = false;
  if (in_pending_) {
    pending_.append(bytes);
    unread_ = pending_;
  } else {
    unread_ = bytes;
  }
}

Result<std::optional<std::span<const ValueView>>> CopyReader::next() {
  using Row = std::optional<std::span<const ValueView>>;
  while (state_ != State::failed) {
    if (unread_.size() < needed_) break;
    Step step = Step::need_more;
    if (state_ == State::header) {
      step = read_header();
    } else if (state_ == State::rows) {
      step = read_tuple();
    } else if (!unread_.empty()) {
      step = malformed(0, "bytes after the trailer");
    }
    if (step == Step::row) return Row(std::span<const ValueView>(values_));
    if (step == Step::need_more) break;
  }
  drained_ = true;
  if (state_ == State::failed) return error();
  keep_rest();
  return Row(std::nullopt);
}

Status CopyReader::finish() const {
  if (state_ == State::failed) return error();
  if (state_ == State::trailer_seen && unread_.empty()) return ok();
  return fatal("malformed", "the copy ended without its trailer after " + std::to_string(rows_) + " rows",
               "the copy is repeated; nothing of it was kept");
}

CopyReader::Step CopyReader::read_header() {
  if (const std::size_t have = std::min(unread_.size(), kSignature.size()); unread_.substr(0, have) != kSignature.substr(0, have)) {
    return malformed(0, "this is not COPY BINARY");
  }
  if (unread_.size() < kHeaderSize) return Step::need_more;  // asked again with every byte: a wrong signature is refused at its first
  MessageReader in(unread_);
  in.bytes(static_cast<std::int64_t>(kSignature.size()));
  const std::uint32_t flags = in.u32();
  if ((flags & kCriticalFlags) != 0) return malformed(kSignature.size(), "unknown critical flags");
  const std::int32_t extension = in.i32();
  if (extension < 0) return malformed(kSignature.size() + 4, "negative length");
  const std::size_t size = kHeaderSize + static_cast<std::size_t>(extension);
  if (unread_.size() < size) return need(size);
  unread_.remove_prefix(size);
  consumed_ += size;
  needed_ = 0;
  state_ = State::rows;
  return Step::end;
}

CopyReader::Step CopyReader::read_tuple() {
  if (unread_.size() < sizeof(std::int16_t)) return need(sizeof(std::int16_t));
  MessageReader in(unread_);
  const std::int16_t fields = in.i16();
  if (fields == kTrailer) {
    state_ = State::trailer_seen;
  } else {
    if (fields < 0 || static_cast<std::size_t>(fields) != values_.size()) return malformed(0, "the number of fields is not the number of columns");
    for (std::size_t i = 0; i < values_.size(); ++i) {
      if (in.remaining() < sizeof(std::int32_t)) return need(in.offset() + sizeof(std::int32_t));
      const std::int32_t length = in.i32();
      if (length == kNull) {
        values_[i] = {};
        continue;
      }
      if (length < 0) return malformed(in.offset() - sizeof(std::int32_t), "negative length");
      if (in.remaining() < static_cast<std::size_t>(length)) return need(in.offset() + static_cast<std::size_t>(length));
      values_[i] = {text_columns_[i] ? ValueState::text : ValueState::binary, in.bytes(length)};
    }
    ++rows_;
  }
  unread_.remove_prefix(in.offset());
  consumed_ += in.offset();
  needed_ = 0;
  return fields == kTrailer ? Step::end : Step::row;
}

// Remembered, so that a row in many pieces is not parsed again with every piece.
CopyReader::Step CopyReader::need(std::size_t bytes) {
  needed_ = bytes;
  return Step::need_more;
}

CopyReader::Step CopyReader::malformed(std::size_t offset, const char* reason) {
  state_ = State::failed;
  failed_at_ = consumed_ + offset;
  reason_ = reason;
  return Step::malformed;
}

Error CopyReader::error() const {
  return fatal("malformed", "copy data is malformed at byte " + std::to_string(failed_at_) + ", in row " + std::to_string(rows_ + 1) + ": " + reason_,
               "nothing of this copy is kept; report this with the server's version");
}

// The caller's bytes go away: what is left of them moves into pending_.
void CopyReader::keep_rest() {
  if (in_pending_) {
    if (unread_.size() < pending_.size()) pending_.erase(0, pending_.size() - unread_.size());
  } else {
    pending_.assign(unread_);
  }
  in_pending_ = !pending_.empty();
  unread_ = in_pending_ ? std::string_view(pending_) : std::string_view();
}

}  // namespace luge
