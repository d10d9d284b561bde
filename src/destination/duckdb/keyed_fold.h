#pragma once
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "destination/duckdb/byte_map.h"
#include "destination/duckdb/row_ref.h"

namespace luge {

/// Folds consecutive changes of one keyed table to what they do together: which keys that were there before must go, and which rows
/// must be there afterwards. Covers several changes of a key, changed and swapped keys, deleted and re-inserted keys. Values that a
/// row does not carry (unchanged TOAST) come from earlier changes of the same row, or else from the row that was there before.
/// Borrows the chunks; all have one shape.
class KeyedFold {
 public:
  explicit KeyedFold(std::span<const TableChunk> chunks);

  /// Folds all rows. Call once.
  std::optional<FoldAnomaly> run();

  /// The changes of one surviving row, newest first; `older` is -1 at the end.
  struct Image {
    RowRef row;
    std::int32_t older = -1;
  };

  struct Final {
    std::uint32_t image = 0;      ///< index of its newest image
    std::optional<RowRef> base;   ///< set: values still absent after all images are those of this key's row before the batch
  };

  /// Rows that carry the keys to delete, each key once, all of them present in the table before.
  const std::vector<RowRef>& bases() const { return bases_; }
  /// Rows to append that are whole.
  const std::vector<Final>& whole() const { return whole_; }
  /// Rows to append whose absent values must be read from the table before the bases are deleted.
  const std::vector<Final>& partial() const { return partial_; }

  RowRef newest(std::uint32_t image) const { return images_[image].row; }
  /// The row that carries column `column` of `image` and its older ones; nullopt: none does.
  std::optional<RowRef> carrier(std::uint32_t image, std::size_t column) const;

 private:
  /// What is known of the row that stands, or would stand, under a key.
  struct Entry {
    RowRef base;
    bool has_base = false;
    bool alive = false;
    bool base_fills = false;      ///< absent values may be read from the base (false after an insert)
    std::uint32_t image = 0;      ///< newest, when alive
  };
  static constexpr std::int32_t kVacant = -1;  ///< no row stands under the key, and none of before is left to delete

  std::optional<FoldAnomaly> fold(RowRef at);
  std::optional<FoldAnomaly> anomaly(RowRef at, std::string code, std::string reason) const;
  /// Key number of a row; `old_image` gives key columns that the row itself does not carry. nullopt: a key column is missing.
  std::optional<ByteMap::Found> key_of(RowRef at, const RowRef* old_image);
  bool is_whole(RowRef at) const;
  std::uint32_t add_image(RowRef row, std::optional<std::uint32_t> older);
  /// The live entry under a key, made when the key is seen for the first time; null: no row stands there.
  Entry* existing(ByteMap::Found key, RowRef at);
  void collect();

  std::span<const TableChunk> chunks_;
  std::vector<std::vector<std::uint16_t>> sparse_columns_;  ///< per chunk: columns in which some value is absent
  ByteMap keys_;
  std::vector<std::int32_t> entry_of_key_;  ///< by key number: index of an entry, or kVacant
  std::vector<Entry> entries_;
  std::vector<Image> images_;
  Buffer scratch_;
  std::optional<RowRef> pending_old_;       ///< an old_image row that waits for its update
  std::vector<RowRef> bases_;
  std::vector<Final> whole_;
  std::vector<Final> partial_;
};

}  // namespace luge
