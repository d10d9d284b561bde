#include "destination/duckdb/multiset_fold.h"

#include <algorithm>
#include <utility>

#include "destination/duckdb/value_bytes.h"

namespace luge {

MultisetFold::MultisetFold(std::span<const TableChunk> chunks) : chunks_(chunks), rows_(1024) {}

RowRef MultisetFold::carrier(const Copies& copies, std::size_t column) const {
  if (copies.old_image && !chunks_[copies.row.chunk].is_present(column, copies.row.row)) return *copies.old_image;
  return copies.row;
}

std::optional<FoldAnomaly> MultisetFold::count(RowRef at, std::optional<RowRef> old_image, std::int64_t change) {
  const Copies copies{at, old_image, 0};
  scratch_.clear();
  for (std::size_t column = 0; column < chunks_[at.chunk].columns.size(); ++column) {
    const RowRef from = carrier(copies, column);
    if (!chunks_[from.chunk].is_present(column, from.row))
      return FoldAnomaly{at, "key_absent", "a change of a table without a key does not carry the whole row"};
    append_value_bytes(chunks_[from.chunk].columns[column], from.row, Sameness::exact, scratch_);
  }
  const auto found = rows_.find_or_add({reinterpret_cast<const char*>(scratch_.data()), scratch_.size()});
  if (found.added) balance_.push_back(copies);
  balance_[found.number].count += change;
  return std::nullopt;
}

std::optional<FoldAnomaly> MultisetFold::run() {
  std::optional<FoldAnomaly> found;
  std::optional<RowRef> old_image;
  for (std::uint32_t c = 0; c < chunks_.size() && !found; ++c) {
    for (std::uint32_t r = 0; r < chunks_[c].rows && !found; ++r) {
      const RowRef at{c, r};
      switch (chunks_[c].ops[r]) {
        case RowOp::insert: found = count(at, std::nullopt, 1); break;
        case RowOp::remove: found = count(at, std::nullopt, -1); break;
        case RowOp::old_image: old_image = at; break;
        case RowOp::update: {
          if (!old_image) {
            found = FoldAnomaly{at, "no_identity", "an update of a table without a key does not carry the old row"};
            break;
          }
          const RowRef before = *std::exchange(old_image, std::nullopt);
          found = count(before, std::nullopt, -1);
          if (!found) found = count(at, before, 1);
          break;
        }
      }
    }
  }
  collect();
  return found;
}

void MultisetFold::collect() {
  if (chunks_.empty()) return;
  const auto& columns = chunks_[0].columns;
  const bool merge = std::any_of(columns.begin(), columns.end(), [](const ArrowColumn& column) { return has_float_twins(column.type); });
  ByteMap merged(16);
  for (const Copies& copies : balance_) {
    if (copies.count > 0) added_.push_back(copies);
    if (copies.count >= 0) continue;
    Copies gone = copies;
    gone.count = -copies.count;
    if (merge) {
      scratch_.clear();
      for (std::size_t column = 0; column < columns.size(); ++column) {
        const RowRef from = carrier(copies, column);
        append_value_bytes(chunks_[from.chunk].columns[column], from.row, Sameness::floats_as_duckdb, scratch_);
      }
      const auto found = merged.find_or_add({reinterpret_cast<const char*>(scratch_.data()), scratch_.size()});
      if (!found.added) {
        removed_[found.number].count += gone.count;
        continue;
      }
    }
    removed_.push_back(gone);
  }
}

}  // namespace luge
