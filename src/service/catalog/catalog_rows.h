#pragma once
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "model/lsn.h"

namespace luge {

/// Texts in the catalog are this long at most. A longer one is read cut (see PipelineCatalog::read) and refused by whoever checks its row.
inline constexpr std::size_t kLongestCatalogText = 64U << 10;

// The rows as operators write them, by SQL or through luge. Nothing here is checked: that is pipeline_spec.h.

struct SourceRow {
  std::string name;
  std::string conninfo;        ///< as libpq takes it; its secrets are references or encrypted (secret_text.h)
  std::string options = "{}";  ///< JSON: what pipelines of this source have in common
  std::int64_t version = 0;    ///< of the last change of the row; the catalog's own, ignored when written
};

struct DestinationRow {
  std::string name;
  std::string address;         ///< duckdb:PATH, parquet:DIR, snowflake:, null:
  std::string options = "{}";  ///< JSON: for Snowflake the keys of its section
  std::int64_t version = 0;
};

struct PipelineRow {
  std::string name;
  std::string source;
  std::string destination;
  std::string publication;     ///< "": luge's own, luge_<name>
  std::string tables;          ///< patterns, as --tables; "": all
  std::string mode = "mirror";
  std::optional<std::int64_t> batch_max_size;
  std::optional<std::int64_t> batch_max_fill_ms;
  std::string desired = "START";  ///< or PAUSE
  std::string options = "{}";     ///< JSON: any other option of `luge run`
  std::int64_t version = 0;
};

/// A luge serve tells how its pipelines do every five seconds: whoever has said nothing for so long does not run any more.
inline constexpr double kStatusStaleAfterSeconds = 20;

/// What a process says about a pipeline it is responsible for.
struct StatusRow {
  std::string pipeline;  ///< status_key() of its name
  std::string state;     ///< of the driver, or "invalid", "pausing", "paused", "failed", "waiting"
  std::string reason;    ///< why luge put it there
  std::string error_code, error, hint;
  Lsn server, received, durable, acknowledged;
  std::optional<std::uint64_t> lag_bytes;
  std::optional<double> lag_seconds;
  std::uint64_t tables = 0;
  std::uint64_t quarantined = 0;  ///< of them: stopped, until somebody decides
  std::uint64_t restarts = 0;
  std::string owner;           ///< the process
  std::int64_t fence = 0;      ///< of its lease: a later owner's row is not overwritten by an earlier one's while that owner speaks
  std::string heartbeat_at;    ///< by the catalog's clock, UTC; ignored when written
  bool healed_by_time = false; ///< the error; known to the process that had it, not to the catalog
  double heartbeat_age_seconds = 0;  ///< when it was read, by the same clock; ignored when written
};

/// Something that receivers of alerts have been told of, or should be, for the process that speaks for its scope next.
struct AlertRow {
  std::string key;
  std::string scope;     ///< "pipeline/shop", "wal/shop"
  std::string document;  ///< JSON; what it says is its writer's business
};

enum class RowKind : char { source, destination, pipeline };
std::string_view to_string(RowKind kind);

/// Everything an operator wrote, at one moment.
struct CatalogContents {
  std::int64_t revision = 0;  ///< grows with every change of these rows
  std::map<std::string, SourceRow, std::less<>> sources;
  std::map<std::string, DestinationRow, std::less<>> destinations;
  std::map<std::string, PipelineRow, std::less<>> pipelines;
};

struct RemoveRow {
  RowKind kind = RowKind::pipeline;
  std::string name;
};
struct SetDesired {
  std::string pipeline;
  std::string desired;
};
/// One change: a row is put in the place of what has its name, or removed, or a pipeline is started or paused.
using CatalogEdit = std::variant<SourceRow, DestinationRow, PipelineRow, RemoveRow, SetDesired>;

/// The name, cut after 100 bytes where a character ends: no valid name is longer, and a row of 10 MB needs a status too.
std::string status_key(std::string_view pipeline);

}  // namespace luge
