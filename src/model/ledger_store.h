#pragma once
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "model/checkpoint.h"

namespace luge {

struct LedgerChange {
  std::string key;
  std::optional<std::string> value;  ///< nullopt: forget the key
};

/// Small durable facts of a destination that cannot commit its rows and its own facts together: kept beside luge's state. Thread-safe; blocks.
class LedgerStore {
 public:
  virtual ~LedgerStore() = default;
  virtual Result<std::map<std::string, std::string>> load_ledger(const std::string& pipeline) = 0;
  /// All changes or none, durable when it returns. Refuses with "fenced" when `fence` is not the newest owner's.
  virtual Status save_ledger(const std::string& pipeline, Fence fence, const std::vector<LedgerChange>& changes) = 0;
};

}  // namespace luge
