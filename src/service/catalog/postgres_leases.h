#pragma once
#include <string>

#include "service/catalog/pipeline_leases.h"
#include "service/catalog/postgres_session.h"

namespace luge {

/// Leases in the database of a PostgreSQL catalog, by its clock. The catalog is opened first: it makes the tables.
class PostgresLeases final : public PipelineLeases {
 public:
  explicit PostgresLeases(const ConnectionOptions& options) : session_(options) {}

  Result<LeaseView> renew(const std::string& owner, Duration time_to_live, bool available) override;
  Result<std::optional<PipelineLease>> try_acquire(const std::string& pipeline, const std::string& owner, Duration time_to_live) override;
  Status release(const PipelineLease& lease) override;
  Status leave(const std::string& owner) override;

 private:
  PostgresSession session_;
};

}  // namespace luge
