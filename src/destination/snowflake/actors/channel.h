#pragma once
#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "destination/snowflake/actors/channel_progress.h"
#include "model/batch.h"

namespace luge {

/// A chunk on its way into one or more channels; the memory it holds is given back with the last reference.
struct OutgoingChunk {
  TableChunk chunk;
  std::vector<std::string> names;            ///< of the destination's columns, one per column of the chunk's schema
  std::vector<std::uint16_t> shard_of_row;   ///< empty: all rows go through one channel
  Epoch epoch = 0;
  RowLayout layout = RowLayout::log;
  bool transformed = false;                  ///< by the user's function
  Position copied_from;                      ///< of row 0 of copied rows
  /// Rows at or before it were handed to the channels in this opening already: a transaction that broke off comes again, cut otherwise.
  std::optional<Position> sent_before;
  std::shared_ptr<const MemoryReservation> memory;
};

/// A table shard's channel, as the destination, its actor and the status poller share it. Thread-safe.
class Channel {
 public:
  Channel(ChannelId id, RelationOid oid, std::uint16_t shard, std::optional<ChannelMark> known)
      : id_(std::move(id)), oid_(oid), shard_(shard), known_(known) {}

  const ChannelId& id() const { return id_; }
  RelationOid oid() const { return oid_; }
  std::uint16_t shard() const { return shard_; }

  ChannelProgress::Finding opened(const ChannelStatus& status) {
    std::lock_guard lock(mutex_);
    // A channel that this process had open is known better from here than from the ledger.
    if (open_) known_ = progress_.mark();
    open_ = true;
    return progress_.opened(status, known_);
  }
  void sent(const Position& last, std::uint64_t rows) {
    std::lock_guard lock(mutex_);
    progress_.sent(last, rows);
  }
  void skipped(std::uint64_t rows) {
    std::lock_guard lock(mutex_);
    progress_.skipped(rows);
  }
  ChannelProgress::Finding observed(const ChannelStatus& status, Instant now, Duration longest_commit) {
    std::lock_guard lock(mutex_);
    return progress_.observed(status, now, longest_commit);
  }
  /// A copy of the books.
  ChannelProgress progress() const {
    std::lock_guard lock(mutex_);
    return progress_;
  }
  /// Nobody wants anything of it any more: what goes wrong with it is no failure.
  void forget() { forgotten_ = true; }
  bool forgotten() const { return forgotten_; }
  std::optional<Position> opened_at() const {
    std::lock_guard lock(mutex_);
    return progress_.opened_at();
  }
  std::optional<Position> counted_from() const {
    std::lock_guard lock(mutex_);
    return progress_.counted_from();
  }
  bool outstanding() const {
    std::lock_guard lock(mutex_);
    return progress_.outstanding();
  }
  std::uint64_t rows_landed() const {
    std::lock_guard lock(mutex_);
    return progress_.rows_landed();
  }
  bool durable_through(const Position& position) const {
    std::lock_guard lock(mutex_);
    return open_ && progress_.durable() && *progress_.durable() >= position;
  }
  std::optional<ChannelMark> mark() const {
    std::lock_guard lock(mutex_);
    if (!open_) return known_;
    return progress_.mark();
  }

 private:
  const ChannelId id_;
  const RelationOid oid_;
  const std::uint16_t shard_;
  std::atomic<bool> forgotten_ = false;
  mutable std::mutex mutex_;
  bool open_ = false;
  std::optional<ChannelMark> known_;
  ChannelProgress progress_;
};

}  // namespace luge
