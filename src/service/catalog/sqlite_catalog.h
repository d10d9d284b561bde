#pragma once
#include <memory>
#include <string>

#include "service/catalog/pipeline_catalog.h"

namespace luge {

class SqliteDatabase;

/// The catalog in one SQLite file: the default, nothing to install. Changes are noticed by asking for the revision four times a second.
class SqliteCatalog final : public PipelineCatalog {
 public:
  /// Creates directories and file as needed, and brings the tables up to date.
  static Result<std::unique_ptr<SqliteCatalog>> open(const std::string& path);
  /// Whether the file is there and is a catalog; changes nothing. Errors: "not_a_catalog" (a database with other tables), those of the file.
  static Result<bool> is_there(const std::string& path);
  ~SqliteCatalog() override;

  Result<CatalogContents> read() override;
  Status edit(std::span<const CatalogEdit> edits, std::optional<std::int64_t> expected_revision) override;
  Result<std::int64_t> await_change(std::int64_t known, Duration at_most, const std::stop_token& stop) override;
  Status write_statuses(std::span<const StatusRow> rows) override;
  Result<std::vector<StatusRow>> read_statuses() override;
  Status keep_statuses(std::span<const std::string> keys) override;
  Result<std::vector<AlertRow>> read_alerts() override;
  Status write_alerts(std::span<const AlertRow> rows, std::span<const std::string> gone) override;
  std::string description() const override;

 private:
  SqliteCatalog(std::unique_ptr<SqliteDatabase> database, std::unique_ptr<SqliteDatabase> statuses);
  Status migrate();
  Status apply(const CatalogEdit& edit);
  Status refuse_in_use(const RemoveRow& removed);
  std::unique_ptr<SqliteDatabase> database_;
  std::unique_ptr<SqliteDatabase> statuses_;  ///< the same file, for what every heartbeat writes again
};

}  // namespace luge
