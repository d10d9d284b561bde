#include "destination/snowflake/rest/row_packer.h"

#include <algorithm>
#include <zstd.h>
#include <zstd_errors.h>

#include "base/ensure.h"

namespace luge {

namespace {

/// Of what the ratio promises: a body that turns out too large is compressed twice.
constexpr double kCaution = 0.85;

/// Rows from `from` on that end within `bytes`; at least one.
std::size_t rows_within(const EncodedRows& rows, std::size_t from, std::size_t bytes) {
  const std::size_t limit = rows.begin(from) + bytes;
  const auto first = rows.rows.begin() + static_cast<std::ptrdiff_t>(from);
  const auto end = std::upper_bound(first, rows.rows.end(), limit, [](std::size_t value, const EncodedRows::Row& row) { return value < row.end; });
  return std::max<std::size_t>(1, static_cast<std::size_t>(end - first));
}

}  // namespace

RowPacker::RowPacker(int level, Limits limits)
    : limits_(limits), context_(ZSTD_createCCtx(), [](ZSTD_CCtx_s* context) { static_cast<void>(ZSTD_freeCCtx(context)); }) {
  ENSURE(context_ != nullptr, "zstd gives no context");
  ENSURE(ZSTD_isError(ZSTD_CCtx_setParameter(context_.get(), ZSTD_c_compressionLevel, level)) == 0, "zstd refuses the level");
}

RowPacker::~RowPacker() = default;

std::size_t RowPacker::pack(const EncodedRows& rows, std::size_t from, Buffer& out) {
  ENSURE(from < rows.rows.size(), "nothing to pack");
  const std::size_t begin = rows.begin(from);
  const auto promised = static_cast<std::size_t>(static_cast<double>(limits_.packed_bytes) * ratio_ * kCaution);
  std::size_t count = rows_within(rows, from, std::min(promised, limits_.plain_bytes));
  for (;;) {
    const std::size_t plain = rows.rows[from + count - 1].end - begin;
    room_ = std::min(limits_.packed_bytes, ZSTD_compressBound(plain));
    if (compress(rows, from, count, room_, out)) {
      ratio_ = std::max(1.0, static_cast<double>(plain) / static_cast<double>(out.size()));
      return count;
    }
    if (count == 1) return 0;
    ratio_ = std::max(1.0, ratio_ / 2);
    count = std::min(count - 1, rows_within(rows, from, plain / 2));
  }
}

bool RowPacker::pack_again(const EncodedRows& rows, std::size_t from, std::size_t count, std::size_t room, Buffer& out) {
  ENSURE(count > 0 && from + count <= rows.rows.size(), "rows that are not there");
  return compress(rows, from, count, room, out);
}

bool RowPacker::compress(const EncodedRows& rows, std::size_t from, std::size_t count, std::size_t room, Buffer& out) {
  const std::size_t begin = rows.begin(from);
  out.resize(room);
  const std::size_t packed = ZSTD_compress2(context_.get(), out.data(), room, rows.text.data() + begin, rows.rows[from + count - 1].end - begin);
  if (ZSTD_isError(packed) != 0) {
    ENSURE(ZSTD_getErrorCode(packed) == ZSTD_error_dstSize_tooSmall, "zstd does not compress");
    out.clear();
    return false;
  }
  out.resize(packed);
  return true;
}

bool RowPacker::shrink(std::size_t packed) {
  if (limits_.packed_bytes <= kLeastLimit) return false;
  limits_.packed_bytes = std::max(kLeastLimit, std::min(limits_.packed_bytes, packed) / 2);
  return true;
}

}  // namespace luge
