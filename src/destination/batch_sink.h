#pragma once
#include <optional>

#include "base/result.h"
#include "model/batch.h"
#include "model/frontier.h"

namespace luge {

/// The pipeline's view of a destination: never blocks. Batches are applied in the order of submission.
class BatchSink {
 public:
  virtual ~BatchSink() = default;
  /// False: full, and the caller keeps the batch untouched.
  virtual bool try_submit(Batch& batch) = 0;
  /// One answer per submitted batch, in order. An error ends the session: reopen the destination before anything else.
  virtual std::optional<Result<Frontier>> try_take_outcome() = 0;
  /// Batches submitted and not answered yet.
  virtual std::size_t in_flight() const = 0;
  /// Answers come much later than batches are taken: a batch in flight is no reason to hold the next one back.
  virtual bool pipelined() const { return false; }
  /// There is something to tell, and no batch to answer with it.
  virtual bool wants_batch() const { return false; }
};

}  // namespace luge
