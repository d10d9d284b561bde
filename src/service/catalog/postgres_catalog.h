#pragma once
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "service/catalog/pipeline_catalog.h"
#include "service/catalog/postgres_session.h"

namespace luge {

/// The catalog in a PostgreSQL database, schema _luge. Changes are noticed by LISTEN, with a connection of its own; a trigger notifies.
class PostgresCatalog final : public PipelineCatalog {
 public:
  /// Makes the schema and brings its tables up to date; needs CREATE on the database the first time only.
  static Result<std::unique_ptr<PostgresCatalog>> open(const ConnectionOptions& options);
  /// Whether the database holds a catalog; changes nothing.
  static Result<bool> is_there(const ConnectionOptions& options);

  Result<CatalogContents> read() override;
  Status edit(std::span<const CatalogEdit> edits, std::optional<std::int64_t> expected_revision) override;
  /// One caller at a time.
  Result<std::int64_t> await_change(std::int64_t known, Duration at_most, const std::stop_token& stop) override;
  Status write_statuses(std::span<const StatusRow> rows) override;
  Result<std::vector<StatusRow>> read_statuses() override;
  Status keep_statuses(std::span<const std::string> keys) override;
  Result<std::vector<AlertRow>> read_alerts() override;
  Status write_alerts(std::span<const AlertRow> rows, std::span<const std::string> gone) override;
  std::string description() const override { return "postgres " + session_.description(); }

 private:
  explicit PostgresCatalog(const ConnectionOptions& options) : options_(options), session_(options) {}
  Status migrate();
  Status listen(const std::stop_token& stop);
  Result<std::int64_t> wait(std::int64_t known, Duration at_most, const std::stop_token& stop);

  const ConnectionOptions options_;
  PostgresSession session_;
  std::mutex listening_;
  std::optional<Connection> listener_;  ///< under listening_
};

}  // namespace luge
