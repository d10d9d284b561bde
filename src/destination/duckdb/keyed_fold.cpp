#include "destination/duckdb/keyed_fold.h"

#include <algorithm>

#include "base/ensure.h"
#include "destination/duckdb/value_bytes.h"

namespace luge {

namespace {

std::size_t row_count(std::span<const TableChunk> chunks) {
  std::size_t rows = 0;
  for (const TableChunk& chunk : chunks) rows += chunk.rows;
  return rows;
}

}  // namespace

KeyedFold::KeyedFold(std::span<const TableChunk> chunks) : chunks_(chunks), keys_(row_count(chunks)) {
  sparse_columns_.resize(chunks.size());
  for (std::size_t i = 0; i < chunks.size(); ++i) {
    for (std::size_t c = 0; c < chunks[i].present.size(); ++c) {
      if (!chunks[i].present[c].empty()) sparse_columns_[i].push_back(static_cast<std::uint16_t>(c));
    }
  }
  const std::size_t rows = row_count(chunks);
  entry_of_key_.reserve(rows);
  entries_.reserve(rows);
  images_.reserve(rows);
}

std::optional<FoldAnomaly> KeyedFold::run() {
  std::optional<FoldAnomaly> found;
  for (std::uint32_t c = 0; c < chunks_.size() && !found; ++c) {
    for (std::uint32_t r = 0; r < chunks_[c].rows && !found; ++r) found = fold({c, r});
  }
  if (!found && pending_old_) found = anomaly(*pending_old_, "protocol", "an old image without its update");
  collect();
  return found;
}

std::optional<FoldAnomaly> KeyedFold::anomaly(RowRef at, std::string code, std::string reason) const {
  return FoldAnomaly{at, std::move(code), std::move(reason)};
}

bool KeyedFold::is_whole(RowRef at) const {
  const TableChunk& chunk = chunks_[at.chunk];
  return std::all_of(sparse_columns_[at.chunk].begin(), sparse_columns_[at.chunk].end(),
                     [&](std::uint16_t column) { return bit_at(chunk.present[column].data(), at.row); });
}

std::optional<ByteMap::Found> KeyedFold::key_of(RowRef at, const RowRef* old_image) {
  scratch_.clear();
  for (const std::uint16_t column : chunks_[at.chunk].schema->key_columns) {
    RowRef carrier = at;
    if (!chunks_[at.chunk].is_present(column, at.row)) {
      if (old_image == nullptr || !chunks_[old_image->chunk].is_present(column, old_image->row)) return std::nullopt;
      carrier = *old_image;
    }
    append_value_bytes(chunks_[carrier.chunk].columns[column], carrier.row, Sameness::as_duckdb_compares, scratch_);
  }
  const auto found = keys_.find_or_add({reinterpret_cast<const char*>(scratch_.data()), scratch_.size()});
  if (found.added) entry_of_key_.push_back(kVacant);
  return found;
}

std::uint32_t KeyedFold::add_image(RowRef row, std::optional<std::uint32_t> older) {
  const bool needs_older = older.has_value() && !is_whole(row);
  images_.push_back({row, needs_older ? static_cast<std::int32_t>(*older) : -1});
  return static_cast<std::uint32_t>(images_.size() - 1);
}

KeyedFold::Entry* KeyedFold::existing(ByteMap::Found key, RowRef at) {
  if (key.added) {
    entry_of_key_[key.number] = static_cast<std::int32_t>(entries_.size());
    entries_.push_back({.base = at, .has_base = true, .alive = true, .base_fills = true, .image = UINT32_MAX});
  }
  const std::int32_t entry = entry_of_key_[key.number];
  if (entry == kVacant || !entries_[static_cast<std::size_t>(entry)].alive) return nullptr;
  return &entries_[static_cast<std::size_t>(entry)];
}

std::optional<FoldAnomaly> KeyedFold::fold(RowRef at) {
  const RowOp op = chunks_[at.chunk].ops[at.row];
  const std::optional<RowRef> old_image = std::exchange(pending_old_, std::nullopt);
  if (old_image && op != RowOp::update) return anomaly(*old_image, "protocol", "an old image without its update");
  if (op == RowOp::old_image) {
    pending_old_ = at;
    return std::nullopt;
  }

  const auto key = key_of(at, old_image ? &*old_image : nullptr);
  if (!key) return anomaly(at, "key_absent", "a change does not carry its key");
  if (op == RowOp::insert) {
    const std::int32_t known = entry_of_key_[key->number];
    if (known != kVacant && entries_[static_cast<std::size_t>(known)].alive)
      return anomaly(at, "divergence", "a row was inserted under a key that exists");
    if (!is_whole(at)) return anomaly(at, "unchanged_insert", "an insert does not carry all its values");
    const std::uint32_t image = add_image(at, std::nullopt);
    if (known == kVacant) {
      entry_of_key_[key->number] = static_cast<std::int32_t>(entries_.size());
      entries_.push_back({.base = {}, .has_base = false, .alive = true, .base_fills = false, .image = image});
    } else {
      Entry& entry = entries_[static_cast<std::size_t>(known)];
      entry.alive = true;
      entry.base_fills = false;
      entry.image = image;
    }
    return std::nullopt;
  }
  if (op == RowOp::remove) {
    Entry* entry = existing(*key, at);
    if (entry == nullptr) return anomaly(at, "divergence", "a row was deleted under a key that does not exist");
    entry->alive = false;
    return std::nullopt;
  }

  // An update; with an old image its key may have changed.
  auto old_key = key;
  if (old_image) {
    const ByteMap::Found new_key = *key;
    old_key = key_of(*old_image, nullptr);
    if (!old_key) return anomaly(at, "key_absent", "an old image does not carry its key");
    if (old_key->number == new_key.number) old_key->added = new_key.added;  // both were looked up; the first one added it
  }
  Entry* entry = existing(*old_key, old_image ? *old_image : at);
  if (entry == nullptr) return anomaly(at, "divergence", "a row was updated under a key that does not exist");
  std::optional<std::uint32_t> older;
  if (entry->image != UINT32_MAX) older = entry->image;
  if (old_image) older = add_image(*old_image, older);
  const std::uint32_t image = add_image(at, older);
  if (old_key->number != key->number) {
    const std::int32_t target = entry_of_key_[key->number];
    if (target != kVacant && entries_[static_cast<std::size_t>(target)].alive) {
      return anomaly(at, "divergence", "a key was changed to one that exists");
    }
    entry_of_key_[key->number] = std::exchange(entry_of_key_[old_key->number], kVacant);
  }
  entry->image = image;
  return std::nullopt;
}

std::optional<RowRef> KeyedFold::carrier(std::uint32_t image, std::size_t column) const {
  for (auto i = static_cast<std::int32_t>(image); i >= 0; i = images_[static_cast<std::size_t>(i)].older) {
    const RowRef row = images_[static_cast<std::size_t>(i)].row;
    if (chunks_[row.chunk].is_present(column, row.row)) return row;
  }
  return std::nullopt;
}

void KeyedFold::collect() {
  for (const Entry& entry : entries_) {
    if (entry.has_base && entry.image == UINT32_MAX && entry.alive) continue;  // seen, then stopped by an anomaly before any change
    if (entry.has_base) bases_.push_back(entry.base);
    if (!entry.alive) continue;
    const RowRef newest = images_[entry.image].row;
    bool whole = is_whole(newest);
    if (!whole) {
      whole = std::all_of(sparse_columns_[newest.chunk].begin(), sparse_columns_[newest.chunk].end(),
                          [&](std::uint16_t column) { return carrier(entry.image, column).has_value(); });
    }
    if (whole) {
      whole_.push_back({entry.image, std::nullopt});
    } else {
      ENSURE(entry.base_fills, "a row without all values has a row of before");
      partial_.push_back({entry.image, entry.base});
    }
  }
}

}  // namespace luge
