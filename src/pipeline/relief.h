#pragma once

namespace luge {

/// What a pipeline does differently while the disk of its source fills.
struct Relief {
  bool pause_copies = false;    ///< no table copy begins; those that run go on to their end
  bool larger_batches = false;  ///< batches gather more rows for longer, within the same memory

  friend bool operator==(const Relief&, const Relief&) = default;
};

}  // namespace luge
