#pragma once
#include <memory>
#include <string>

#include "service/catalog/pipeline_leases.h"

namespace luge {

class SqliteDatabase;

/// Leases beside an SQLite catalog: for processes of one machine, whose clock they share. The catalog is opened first: it makes the tables.
class SqliteLeases final : public PipelineLeases {
 public:
  static Result<std::unique_ptr<SqliteLeases>> open(const std::string& path);
  ~SqliteLeases() override;

  Result<LeaseView> renew(const std::string& owner, Duration time_to_live, bool available) override;
  Result<std::optional<PipelineLease>> try_acquire(const std::string& pipeline, const std::string& owner, Duration time_to_live) override;
  Status release(const PipelineLease& lease) override;
  Status leave(const std::string& owner) override;

 private:
  explicit SqliteLeases(std::unique_ptr<SqliteDatabase> database);
  std::unique_ptr<SqliteDatabase> database_;
};

}  // namespace luge
