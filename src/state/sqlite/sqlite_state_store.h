#pragma once
#include <memory>
#include <string>

#include "base/result.h"
#include "model/ledger_store.h"
#include "state/state_store.h"

namespace luge {

/// StateStore in one SQLite file (WAL journal, synchronous=FULL: a save is fsynced when it returns). Several pipelines may share
/// a file, and several processes may open it; each write is one immediate transaction that checks the fence. Thread-safe.
///
/// A fence is at least the wall clock in seconds, so that an owner after a lost or restored file is still newer than the
/// destination's last one, and the gap test, not the fence, gets to say what is wrong.
///
/// Error codes: "state_corrupt" (not SQLite, integrity check failed, checksum of a record wrong), "state_newer" (written by a later
/// format), "state_busy" (another process holds the write lock for longer than five seconds), "state_unwritable", "disk_full",
/// "state_io", "fenced", "regress".
class SqliteStateStore final : public StateStore, public LedgerStore {
 public:
  /// Creates directories (mode 0700) and the file (mode 0600) as needed and checks the file's integrity.
  static Result<std::unique_ptr<SqliteStateStore>> open(const std::string& path);
  /// For reading only, for verbs that must leave nothing behind: error "state_missing" if there is no file.
  static Result<std::unique_ptr<SqliteStateStore>> open_existing(const std::string& path);
  ~SqliteStateStore() override;

  Result<Lease> acquire(const std::string& pipeline) override;
  Result<std::optional<StateRecord>> load(const std::string& pipeline) override;
  Status save(const Lease& lease, const StateRecord& record) override;
  /// Forgets record and ledger; the fence stays, so that older leases stay dead.
  Status remove(const Lease& lease) override;
  Result<std::map<std::string, std::string>> load_ledger(const std::string& pipeline) override;
  Status save_ledger(const std::string& pipeline, Fence fence, const std::vector<LedgerChange>& changes) override;

 private:
  class Impl;
  explicit SqliteStateStore(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace luge
