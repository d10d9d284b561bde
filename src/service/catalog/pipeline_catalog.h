#pragma once
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "service/catalog/catalog_rows.h"

namespace luge {

/// Where operators say which pipelines there are, and luge says how they do. Thread-safe; everything blocks. Opening one brings its tables to
/// the version this luge knows.
///
/// Error codes, beside those of the database: "catalog_newer" (made by a later luge), "catalog_changed", "unknown_row", "in_use", "plain_secret".
class PipelineCatalog {
 public:
  virtual ~PipelineCatalog() = default;

  /// Every row, as written and unchecked. A text that is too long comes cut, but still longer than kLongestCatalogText.
  virtual Result<CatalogContents> read() = 0;
  /// All of it or nothing. Secrets in plain text are refused, so is removing what a pipeline uses. With `expected_revision`, the edits are
  /// made only if nothing changed since that was read.
  virtual Status edit(std::span<const CatalogEdit> edits, std::optional<std::int64_t> expected_revision = std::nullopt) = 0;
  /// Returns the revision as soon as it is not `known` (within a second at the latest), or after `at_most`, or once `stop` is requested.
  virtual Result<std::int64_t> await_change(std::int64_t known, Duration at_most, const std::stop_token& stop) = 0;

  /// Puts these rows, each with a new heartbeat; one with a fence older than the row that is there is left out, unless nobody has spoken for
  /// that one for kStatusStaleAfterSeconds: leases that are kept somewhere else now count their fences from 1.
  virtual Status write_statuses(std::span<const StatusRow> rows) = 0;
  /// By name.
  virtual Result<std::vector<StatusRow>> read_statuses() = 0;
  /// Forgets the status of every other pipeline.
  virtual Status keep_statuses(std::span<const std::string> keys) = 0;

  /// By key, whoever wrote them.
  virtual Result<std::vector<AlertRow>> read_alerts() = 0;
  /// Puts the rows, removes those with these keys. All or nothing.
  virtual Status write_alerts(std::span<const AlertRow> rows, std::span<const std::string> gone) = 0;

  /// For messages: the file, or user, host and database.
  virtual std::string description() const = 0;
};

}  // namespace luge
