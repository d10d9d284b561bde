#pragma once
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "destination/destination_health.h"
#include "model/batch.h"
#include "model/frontier.h"
#include "model/intent.h"

namespace luge {

/// A consistent view of a destination at one moment. Usable from one thread at a time, beside the worker. Closing or reopening the
/// destination ends it: what runs is interrupted, and it answers "closed" (Recovery::retry) from then on.
class ReadHandle {
 public:
  using Row = std::vector<std::optional<std::string>>;  ///< values as the destination's own text; nullopt = NULL
  using OnColumns = std::function<void(const std::vector<std::string>& names)>;
  using OnRow = std::function<void(const Row& row)>;

  virtual ~ReadHandle() = default;
  /// Runs one read-only statement. Refuses anything that would write, and more than one statement.
  virtual Status query(std::string_view sql, const OnColumns& on_columns, const OnRow& on_row) = 0;
  /// Writes all tables it sees into a file that other programs may open, replacing the one at `path` atomically.
  virtual Status write_file(const std::string& path) { return fatal("unsupported", "this destination writes no snapshot file " + path); }
  /// From any thread: ends the handle and interrupts what it runs ("cancelled"). Waits for nothing.
  virtual void cancel() {}
};

/// Rows of one initial copy on their way into a shadow. Thread-safe: several copy threads write into one.
class CopyWriter {
 public:
  virtual ~CopyWriter() = default;
  /// May block. Rows become durable in pieces; they are visible to readers only after FinishCopy.
  virtual Status write(TableChunk chunk) = 0;
  /// Everything written is durable when this returns. Called once, after the last write.
  virtual Status finish() = 0;
};

struct OpenRequest {
  std::string pipeline;            ///< name
  Fence fence = 0;                 ///< this owner's; the destination refuses to open for an older one than it holds
  std::string expected_uuid;       ///< from the state store; empty: first start
  std::string source_description;  ///< host, port, database: for people who open the file; no password
  bool log_mode = false;           ///< --mode log
};

/// What all destinations share. open, apply, submit, poll, record_intent and close run on the worker's thread and may block.
/// begin_copy, drop_copy and read are thread-safe.
class Destination {
 public:
  virtual ~Destination() = default;

  /// Fences earlier owners, rolls back what was not committed, and says where the destination is. Error codes that the verbs
  /// and the gap test rely on: "locked" (another process), "foreign" (not a luge file, or of another pipeline), "corrupt",
  /// "fenced", "mode" (was made with the other --mode), "disk_full".
  virtual Result<Frontier> open(const OpenRequest& request) = 0;

  /// Applies ops in order. Commits iff batch.complete. A replay must be harmless: a batch whose checkpoint is at or before the
  /// durable one changes nothing. On an error nothing of the open transaction is durable, unless write_state says unknown.
  virtual Result<Frontier> apply(Batch batch) = 0;

  /// True: batches come through submit() and are answered by poll(), apply() is never called. For destinations that take rows
  /// long before they are durable.
  virtual bool pipelined() const { return false; }
  /// Takes a batch, in order; blocks while it has no room. What apply() promises holds for the answer.
  virtual Status submit(Batch /*batch*/) { return fatal("unsupported", "this destination applies batch by batch"); }
  /// Answers the oldest batch taken once it is durable as a whole; nullopt: not yet. An error answers all of them. Called every kPollInterval
  /// while batches are unanswered.
  virtual Result<std::optional<Frontier>> poll() { return std::optional<Frontier>(); }
  static constexpr Duration kPollInterval = std::chrono::milliseconds(10);
  /// From any thread: something happened that only an answer can tell (a table stopped by itself, the destination went away). While nothing else is
  /// under way the pipeline sends an empty batch for it. Cheap.
  virtual bool wants_batch() const { return false; }

  /// Starts or restarts the shadow for `attempt`; leftovers of older attempts are dropped first.
  virtual Result<std::unique_ptr<CopyWriter>> begin_copy(TableSchemaPtr schema, Attempt attempt) = 0;
  virtual Status drop_copy(RelationOid oid, Attempt attempt) = 0;

  /// A reader at the latest commit.
  virtual Result<std::shared_ptr<ReadHandle>> read() = 0;

  /// Keeps the destination's own copy of ack_intent (cheap; may be lazy up to the next commit or close). Frontier::intent tells the
  /// newest one of the checkpoint's epoch: an epoch begins without any, and one of an epoch that has no commit yet does not count.
  virtual Status record_intent(const Intent& intent) = 0;

  /// The pipeline begins again: every table will be copied anew in `epoch`. Durable on return, so that after a lost state store
  /// Frontier::newest_epoch still tells it, before anything was committed in that epoch. After open(), before the worker starts.
  virtual Status begin_epoch(Epoch epoch) = 0;

  virtual Status close() = 0;

  /// From any thread. nullopt: there is nothing to tell that the pipeline's own status does not.
  virtual std::optional<DestinationHealth> health() const { return std::nullopt; }
};

}  // namespace luge
