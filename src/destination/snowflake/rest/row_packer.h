#pragma once
#include <cstddef>
#include <memory>

#include "destination/snowflake/encode/ndjson_encoder.h"

struct ZSTD_CCtx_s;  // zstd.h

namespace luge {

/// Compresses as many rows as one request may carry. One thread.
class RowPacker {
 public:
  struct Limits {
    std::size_t packed_bytes = 3'999'999;  ///< Snowflake takes 4 MB; whether that is 4 * 10^6 or 4 MiB is not certain
    /// What a channel may take in half a second: larger requests compress no better, and hold up the ones behind them.
    std::size_t plain_bytes = 10'000'000;
  };

  explicit RowPacker(int level = 1) : RowPacker(level, Limits{}) {}
  RowPacker(int level, Limits limits);
  ~RowPacker();
  RowPacker(const RowPacker&) = delete;
  RowPacker& operator=(const RowPacker&) = delete;

  /// Puts rows from `from` on into `out` as one zstd frame. Returns how many; 0: even the first alone is too large.
  /// A single row may be more than `plain_bytes`, never more than `packed_bytes`.
  std::size_t pack(const EncodedRows& rows, std::size_t from, Buffer& out);

  /// What the last pack() let zstd fill. The same rows with the same room are the same bytes.
  std::size_t room() const { return room_; }
  /// `count` rows from `from` on, as a pack() with that room made them. False: they do not fit, so they are others.
  bool pack_again(const EncodedRows& rows, std::size_t from, std::size_t count, std::size_t room, Buffer& out);

  /// The server takes less than it says: half of `packed` bytes is the limit from now on. False: it is down to kLeastLimit already.
  bool shrink(std::size_t packed);

  static constexpr std::size_t kLeastLimit = 64 * 1024;

 private:
  bool compress(const EncodedRows& rows, std::size_t from, std::size_t count, std::size_t room, Buffer& out);

  Limits limits_;
  std::size_t room_ = 0;
  double ratio_ = 3;  ///< plain bytes in a packed one, of late
  std::unique_ptr<ZSTD_CCtx_s, void (*)(ZSTD_CCtx_s*)> context_;
};

}  // namespace luge
