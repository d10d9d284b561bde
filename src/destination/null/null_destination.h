#pragma once
#include <atomic>
#include <fstream>
#include <map>
#include <string>
#include <utility>

#include "destination/destination.h"

namespace luge {

/// `null:` takes everything and throws it away, for measuring the way up to a destination. It keeps only where it stands, in a small
/// text file, so that a restart resumes; nothing is synced to disk.
class NullDestination final : public Destination {
 public:
  explicit NullDestination(std::string position_path) : path_(std::move(position_path)) {}
  Result<Frontier> open(const OpenRequest& request) override;
  Result<Frontier> apply(Batch batch) override;
  Result<std::unique_ptr<CopyWriter>> begin_copy(TableSchemaPtr schema, Attempt attempt) override;
  Status drop_copy(RelationOid oid, Attempt attempt) override;
  Result<std::shared_ptr<ReadHandle>> read() override;
  Status record_intent(const Intent& intent) override;
  Status begin_epoch(Epoch epoch) override;
  Status close() override;

  std::uint64_t rows() const { return rows_.load(); }

 private:
  /// The whole file anew.
  Status save();
  /// Only where it stands, behind the rest: a batch costs one write.
  Status note_position();
  std::string position_line() const;
  bool read_position(const std::string& line);
  Status load();

  const std::string path_;
  std::ofstream positions_;  ///< the file as save() left it, open for note_position()
  int noted_ = 0;
  bool tables_changed_ = false;  ///< since save()
  Frontier frontier_;  ///< without its intent
  Intent intent_;
  Epoch newest_epoch_ = 0;
  std::map<RelationOid, TableRecord> tables_;
  std::atomic<std::uint64_t> rows_{0};
};

}  // namespace luge
