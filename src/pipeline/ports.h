#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/result.h"
#include "model/batch.h"
#include "model/catalog_table.h"
#include "model/snapshot.h"
#include "model/table_record.h"
#include "pipeline/rule_g.h"

namespace luge {

// Non-blocking views of what can block. Real ones stand in front of threads; the simulator has its own.

/// Catalog facts by OID. Answers come in the order of the requests.
class CatalogPort {
 public:
  virtual ~CatalogPort() = default;
  struct Answer {
    RelationOid oid = 0;
    Result<std::optional<CatalogTable>> table;  ///< nullopt: no such table any more
    Snapshot seen{};  ///< taken before the catalog was read: what these transactions did to the table is in it
  };
  /// `types`: the type OIDs the stream named; what the catalog knows of them comes back in CatalogTable.types.
  virtual bool try_request(RelationOid oid, std::vector<Oid> types) = 0;
  virtual std::optional<Answer> try_take_answer() = 0;
  /// The server refuses new sessions: it shuts down. A stream that is not read, because the destination takes nothing or the pipeline is
  /// paused, cannot tell. The driver is woken when it becomes so.
  virtual bool server_stops() const { return false; }
};

/// A table the selection wants and the publication carries; found by polling the catalog.
struct TableFound {
  CatalogTable table;
};
/// A followed table left the catalog, the publication or the selection.
struct TableGone {
  RelationOid oid = 0;
};
/// A followed table's stored form changed without an event (rewrite, enum label renamed, partition attached): copy it again.
struct TableRewritten {
  RelationOid oid = 0;
  std::string why;
};
/// A followed table has another shape than it had, and perhaps no row will come that tells so. `table` was read under a lock that
/// keeps the shape, and `after` is an insert position taken under the same lock: once the stream has passed it, this is the shape.
struct TableReshaped {
  CatalogTable table;
  Lsn after;
};
/// Everything told so far came from a catalog that looked like this; to be kept with it for the next process.
struct CatalogSeen {
  std::string memory;
};
/// The publication is not there any more, or is another one: nothing the stream says from here on can be relied on.
struct PublicationLost {
  GapVerdict gap;
};
using TableEvent = std::variant<TableFound, TableGone, TableRewritten, TableReshaped, CatalogSeen, PublicationLost>;

/// The copy has read and written everything; shape and snapshot as of its reading.
struct CopyDone {
  RelationOid oid = 0;
  Attempt attempt = 0;
  Snapshot snapshot;
  TableSchemaPtr schema;
  std::uint32_t file_node = 0;
  Lsn read_at{};  ///< an insert position taken under the copy's lock: an older description of the table is outdated
};
struct CopyFailed {
  RelationOid oid = 0;
  Attempt attempt = 0;
  Error error;  ///< recovery retry: start again under the next attempt; quarantine_table: stop this table
  std::optional<Quarantine> quarantine;  ///< more about the latter
  Lsn read_at{};  ///< as in CopyDone; zero: it had not begun to read
};
/// No transaction that the snapshot of `attempt` does not see can commit at or before `lsn` unseen any more: once the stream
/// has passed `lsn`, the filter may go (algorithm E, step 7).
struct CopySettled {
  RelationOid oid = 0;
  Attempt attempt = 0;
  Lsn lsn;
};
using CopyEvent = std::variant<CopyDone, CopyFailed, CopySettled>;

/// Copies tables on threads of its own: waits out old transactions, locks, takes the snapshot, reads, writes into the
/// destination's shadow (algorithm E, whole-table mode). After CopyDone it also reports CopySettled.
class CopyPort {
 public:
  virtual ~CopyPort() = default;
  virtual void start(RelationOid oid, const TableName& name, Attempt attempt) = 0;
  /// For a table found `catching_up` at start: only watch until its snapshot is settled.
  virtual void watch_settled(RelationOid oid, Attempt attempt, const Snapshot& snapshot) = 0;
  virtual void cancel(RelationOid oid) = 0;
  virtual std::optional<CopyEvent> try_take_event() = 0;
};

class TableFinder {
 public:
  virtual ~TableFinder() = default;
  virtual std::optional<TableEvent> try_take_event() = 0;
};

}  // namespace luge
