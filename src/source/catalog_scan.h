#pragma once
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/result.h"
#include "model/catalog_table.h"
#include "model/lsn.h"
#include "postgres/connection.h"
#include "source/catalog_fingerprint.h"
#include "source/catalog_reader.h"
#include "source/publication_watch.h"
#include "source/schema_cache.h"

namespace luge {

/// What the catalog tells about the followed tables that the stream does not.
struct CatalogChange {
  enum class Kind : char {
    found,      ///< wanted and published: `table`
    gone,       ///< dropped, or not published or wanted any more
    rewritten,  ///< its rows changed without events: `why`
    reshaped,   ///< it has another shape; `table` was read under a lock, and `after` is an insert position taken under it
    remember,   ///< `memory` is what a later process compares with, once everything before it in the list is durable
    publication_lost,  ///< `loss`: the last thing that is told
  };
  Kind kind = Kind::found;
  RelationOid oid = 0;
  CatalogTable table;
  std::string why;
  Lsn after;
  std::string memory;
  PublicationLoss loss;
};

/// A table as its destination knows it when the process starts.
struct FollowedTable {
  RelationOid oid = 0;
  std::uint32_t file_node = 0;  ///< at its copy; 0: not copied yet
  TableSchemaPtr schema;        ///< null: not copied yet
  bool dropped = false;         ///< it left once: it is not taken in again by luge's own doing
};

struct CatalogScanOptions {
  std::string publication;
  bool may_add = false;  ///< luge made the publication, so it adds wanted tables to it
  std::function<bool(const TableName&)> wants;
  bool allow_no_identity = false;  ///< also such as make the application's UPDATE and DELETE fail once they are published
  Oid publication_oid = 0;  ///< what luge follows; 0: not known
  Lsn publication_seen{};   ///< up to here an earlier process was certain of it
  bool fixed = false;       ///< whatever `wants` says, no table is taken in, and none is released
  std::shared_ptr<SchemaCache> cache = nullptr;  ///< of the source; null: every table is asked for
};

/// One look at the whole catalog after the other, each compared with the one before. A few cheap statements a look, more only for what
/// is new or changed. Blocking; one thread; any connection to the database.
class CatalogScan {
 public:
  /// `memory`: of an earlier process; empty, or of another version: what changed since the copies shows in their file nodes only.
  CatalogScan(CatalogScanOptions options, const std::vector<FollowedTable>& followed, const std::string& memory);

  /// Changes since the last look, or since the destination's knowledge. After an error nothing is forgotten: look again, with a new
  /// connection, since a transaction may be open on this one. `version`: the catalog's, read before this call; if it is the one that the last
  /// look had, nothing is asked.
  Result<std::vector<CatalogChange>> look(Connection& sql, const CatalogVersion* version = nullptr);
  /// Whether that look would ask nothing; then it is done.
  bool note_unchanged(const CatalogVersion& version);

  /// Up to here the publication was certainly there, so everything of it was decoded.
  Lsn publication_seen() const { return publication_.seen(); }

 private:
  struct Followed {
    std::uint32_t file_node = 0;
    TableSchemaPtr schema;
    std::optional<TableFingerprint> fingerprint;  ///< none: never looked at
    bool looked = false;                          ///< by this process: its shape goes with the fingerprint, not with the schema
  };
  Result<bool> publication_is_there(Connection& sql);
  Result<std::vector<CatalogTable>> describe(Connection& sql, const std::vector<RelationOid>& oids) const;
  Status look_around(Connection& sql);
  void note_rewritten(RelationOid oid, std::string why);
  void drop_gone(const std::vector<ListedTable>& tables);
  Status take_in(Connection& sql, const std::vector<ListedTable>& tables);
  Result<std::vector<CatalogTable>> add_wanted(Connection& sql, const std::vector<RelationOid>& oids);
  bool add_one_by_one(Connection& sql, const CatalogTable& table);
  void leave_out(RelationOid oid, const TableName& name, const std::string& why, const std::string& fix);
  Status check_leaves(Connection& sql);
  Status compare(Connection& sql);
  Result<std::map<RelationOid, CatalogTable>> describe_unseen(Connection& sql) const;
  void remember();
  static Result<std::optional<CatalogChange>> reshape(Connection& sql, const std::string& publication, RelationOid oid);

  const CatalogScanOptions options_;
  std::map<RelationOid, Followed> followed_;
  std::set<RelationOid> released_;        ///< left the publication: only its owner puts them back
  std::map<RelationOid, int> left_out_;   ///< wanted, but not to be published; looks until the next try
  std::map<RelationOid, std::string> leaves_;  ///< followed, with partitions whose changes fail; what was said of it
  std::optional<TypeFingerprint> types_;
  std::vector<CatalogChange> changes_;    ///< found and not handed out yet
  PublicationWatch publication_;
  bool publication_lost_ = false;
  std::string memory_;                    ///< as told last
  bool look_again_ = false;               ///< something could not be found out
  std::string settled_;                   ///< digest of the catalog that was looked at to the end; empty: of none
};

/// The columns, names and types of `table` that go on the stream differ from `schema`. Cheap, without a lock: to decide whether to look closely.
bool shape_differs(const TableSchema& schema, const CatalogTable& table);

}  // namespace luge
