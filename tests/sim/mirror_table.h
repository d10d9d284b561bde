#pragma once
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "model/batch.h"
#include "sim/source_table.h"

namespace luge {

/// Rows of one table as the simulated destination holds them: by key, or as a multiset when there is none.
class MirrorRows {
 public:
  struct Entry {
    Values values;  ///< one per column of the schema
    std::uint32_t copies = 0;
  };

  const TableSchemaPtr& schema() const { return schema_; }
  const std::map<std::string, Entry>& entries() const { return entries_; }
  std::uint64_t size() const;

  /// ALTER: columns keep their values by attnum, new ones get their missing value.
  void set_schema(const TableSchemaPtr& schema);
  void clear() { entries_.clear(); }
  /// Applies all rows of a chunk one by one, in order. Returns what cannot be: a key twice, a base row that is not there, a value
  /// that is nowhere.
  std::optional<std::string> apply(const TableChunk& chunk);

 private:
  std::optional<std::string> insert(Values values);
  std::optional<std::string> remove(const std::string& key);
  std::string key_of(const Values& values) const;

  TableSchemaPtr schema_;
  std::map<std::string, Entry> entries_;
};

/// A change that waits for the copy of its table.
struct PendingChange {
  Attempt attempt = 0;
  std::variant<std::string, Truncate> what;  ///< an encoded chunk, or a truncate
};

/// What one destination keeps of one table.
struct MirrorTable {
  TableRecord record;
  MirrorRows rows;
  std::vector<PendingChange> pending;
  Position last;  ///< of the last change that was taken in
};

/// Text of one value as PostgreSQL would print it (only the kinds that the simulated source has).
Cell cell_text(const ArrowColumn& column, std::size_t row);

}  // namespace luge
