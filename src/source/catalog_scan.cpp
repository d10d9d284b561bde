#include "source/catalog_scan.h"

#include <algorithm>
#include <utility>

#include "base/log.h"
#include "postgres/sql_quoting.h"
#include "postgres/sqlstate.h"
#include "source/catalog_reader.h"
#include "source/catalog_sql.h"
#include "source/publication.h"
#include "source/publishable.h"

namespace luge {

namespace {

constexpr int kLooksBetweenTries = 30;

CatalogChange found(CatalogTable table) {
  CatalogChange change;
  change.kind = CatalogChange::Kind::found;
  change.oid = table.oid;
  change.table = std::move(table);
  return change;
}

CatalogChange gone(RelationOid oid) {
  CatalogChange change;
  change.kind = CatalogChange::Kind::gone;
  change.oid = oid;
  return change;
}

}  // namespace

bool shape_differs(const TableSchema& schema, const CatalogTable& table) {
  if (schema.name != table.name) return true;
  std::size_t next = 0;
  for (const CatalogColumn& column : table.columns) {
    const bool listed = std::find(table.published_columns.begin(), table.published_columns.end(), column.name) != table.published_columns.end();
    if (column.dropped || (table.published_columns.empty() ? column.generated : !listed)) continue;
    if (next == schema.columns.size()) return true;
    const ColumnSchema& known = schema.columns[next++];
    if (known.attnum != column.attnum || known.name != column.name || known.typmod != column.typmod || known.type->oid != column.type->oid)
      return true;
  }
  return next != schema.columns.size();
}

CatalogScan::CatalogScan(CatalogScanOptions options, const std::vector<FollowedTable>& followed, const std::string& memory)
    : options_(std::move(options)), publication_(options_.publication, options_.publication_oid, options_.publication_seen), memory_(memory) {
  const auto known = decode_fingerprint(memory);
  if (known) types_ = known->types;
  for (const FollowedTable& table : followed) {
    if (table.dropped) {
      released_.insert(table.oid);
    } else {
      Followed& entry = followed_.emplace(table.oid, Followed{table.file_node, table.schema, std::nullopt, false}).first->second;
      const auto seen = known ? known->tables.find(table.oid) : decltype(known->tables.end()){};
      if (known && seen != known->tables.end()) entry.fingerprint = seen->second;
    }
  }
}

Result<std::vector<CatalogChange>> CatalogScan::look(Connection& sql, const CatalogVersion* version) {
  if (publication_lost_ || (version != nullptr && note_unchanged(*version))) return std::vector<CatalogChange>{};
  settled_.clear();
  look_again_ = false;
  TRY(const bool there, publication_is_there(sql));
  if (there) {
    CHECK_OK(look_around(sql));
    // Without it every table looks as if it had left it.
    if (!changes_.empty()) CHECK_OK(publication_is_there(sql));
  }
  if (version != nullptr && !look_again_ && left_out_.empty()) settled_ = version->digest;
  return std::exchange(changes_, {});
}

bool CatalogScan::note_unchanged(const CatalogVersion& version) {
  return publication_lost_ || (!settled_.empty() && version.digest == settled_ && publication_.note(version));
}

Result<std::vector<CatalogTable>> CatalogScan::describe(Connection& sql, const std::vector<RelationOid>& oids) const {
  if (options_.cache) return options_.cache->describe_tables(sql, options_.publication, oids);
  return CatalogReader(sql, options_.publication).describe_tables(oids);
}

Status CatalogScan::look_around(Connection& sql) {
  TRY(const std::vector<ListedTable> tables, CatalogReader(sql, options_.publication).list_names());
  drop_gone(tables);
  CHECK_OK(take_in(sql, tables));
  CHECK_OK(check_leaves(sql));
  CHECK_OK(compare(sql));
  remember();
  return ok();
}

void CatalogScan::remember() {
  CatalogFingerprint known;
  known.publication = publication_.oid();
  for (const auto& [oid, table] : followed_) {
    if (table.fingerprint) known.tables.emplace(oid, *table.fingerprint);
  }
  if (types_) known.types = *types_;
  std::string memory = encode_fingerprint(known);
  if (memory == memory_) return;
  memory_ = memory;
  CatalogChange change;
  change.kind = CatalogChange::Kind::remember;
  change.memory = std::move(memory);
  changes_.push_back(std::move(change));
}

void CatalogScan::note_rewritten(RelationOid oid, std::string why) {
  const auto same = [oid](const CatalogChange& change) { return change.oid == oid && change.kind == CatalogChange::Kind::rewritten; };
  if (std::any_of(changes_.begin(), changes_.end(), same)) return;
  CatalogChange change;
  change.kind = CatalogChange::Kind::rewritten;
  change.oid = oid;
  change.why = std::move(why);
  changes_.push_back(std::move(change));
}

/// If it is not, that is all there is to tell: what else was found may be of the time after.
Result<bool> CatalogScan::publication_is_there(Connection& sql) {
  TRY(const auto loss, publication_.look(sql));
  if (!loss) return true;
  CatalogChange change;
  change.kind = CatalogChange::Kind::publication_lost;
  change.loss = *loss;
  changes_ = {std::move(change)};
  publication_lost_ = true;
  return false;
}

void CatalogScan::drop_gone(const std::vector<ListedTable>& tables) {
  std::map<RelationOid, const TableName*> published;
  for (const ListedTable& table : tables) {
    if (table.published) published.emplace(table.oid, &table.name);
  }
  std::erase_if(followed_, [&](const auto& entry) {
    const auto found = published.find(entry.first);
    if (found != published.end()) {
      if (options_.fixed || options_.wants(*found->second)) return false;
      log_event(LogLevel::info, "table_released", "it is not selected any more: its changes are not followed, and its mirror stays as it is",
                {{"table", to_string(*found->second)}});
    }
    changes_.push_back(gone(entry.first));
    released_.insert(entry.first);
    return true;
  });
  std::erase_if(changes_,
                [this](const CatalogChange& change) { return change.kind == CatalogChange::Kind::rewritten && !followed_.contains(change.oid); });
}

Status CatalogScan::take_in(Connection& sql, const std::vector<ListedTable>& tables) {
  if (options_.fixed) return ok();
  std::vector<RelationOid> fresh;
  std::vector<RelationOid> wanted;
  for (const ListedTable& table : tables) {
    if (followed_.contains(table.oid) || !options_.wants(table.name)) continue;
    if (table.published) {
      fresh.push_back(table.oid);
    } else if (options_.may_add && !released_.contains(table.oid)) {
      const auto out = left_out_.find(table.oid);
      if (out == left_out_.end() || out->second-- <= 0) wanted.push_back(table.oid);
    }
  }
  TRY(std::vector<CatalogTable> arrived, describe(sql, fresh));
  if (!wanted.empty()) {
    TRY(std::vector<CatalogTable> added, add_wanted(sql, wanted));
    std::move(added.begin(), added.end(), std::back_inserter(arrived));
  }
  for (CatalogTable& table : arrived) {
    if (!table.published) continue;
    released_.erase(table.oid);
    left_out_.erase(table.oid);
    followed_.emplace(table.oid, Followed{});
    changes_.push_back(found(std::move(table)));
  }
  return ok();
}

Result<std::vector<CatalogTable>> CatalogScan::add_wanted(Connection& sql, const std::vector<RelationOid>& oids) {
  TRY(std::vector<CatalogTable> tables, describe(sql, oids));
  std::erase_if(tables, [&](const CatalogTable& table) {
    const auto obstacle = options_.allow_no_identity ? std::nullopt : against_publishing(table, sql.server_version());
    if (obstacle) leave_out(table.oid, table.name, obstacle->what, obstacle->fix);
    return obstacle.has_value();
  });
  std::vector<TableName> names;
  std::vector<RelationOid> added;
  for (const CatalogTable& table : tables) {
    names.push_back(table.name);
    added.push_back(table.oid);
  }
  if (const Status together = add_to_publication(sql, options_.publication, names); !together) {
    if (sql.broken()) return together.error();
    added.clear();
    for (const CatalogTable& table : tables) {
      if (add_one_by_one(sql, table)) added.push_back(table.oid);
    }
  }
  return CatalogReader(sql, options_.publication).describe_tables(added);  // as members now
}

bool CatalogScan::add_one_by_one(Connection& sql, const CatalogTable& table) {
  const Status added = add_to_publication(sql, options_.publication, {table.name});
  if (added || added.error().code == sqlstate::kDuplicateObject) return true;
  leave_out(table.oid, table.name, added.error().what, added.error().hint);
  return false;
}

void CatalogScan::leave_out(RelationOid oid, const TableName& name, const std::string& why, const std::string& fix) {
  if (!left_out_.insert_or_assign(oid, kLooksBetweenTries).second) return;
  log_event(LogLevel::warn, "table_left_out", why, {{"table", to_string(name)}, {"fix", fix}});
}

/// A partition made later does not take over the replica identity of its table. It is published all the same: there is no other way
/// to follow the rest, and no way to tell but this.
Status CatalogScan::check_leaves(Connection& sql) {
  std::vector<RelationOid> oids;
  for (const auto& [oid, table] : followed_) oids.push_back(oid);
  if (oids.empty()) return ok();
  TRY(const QueryResult odd, sql.query("SELECT DISTINCT root FROM (" + catalog_sql::odd_leaves(oid_list(oids)) + ") l(root)"));
  std::vector<RelationOid> roots;
  for (std::size_t row = 0; row < odd.rows(); ++row) roots.push_back(odd.number<RelationOid>(row, 0));
  CatalogReader reader(sql, options_.publication);
  TRY(const std::vector<CatalogTable> tables, reader.describe_tables(roots));
  std::map<RelationOid, std::string> now;
  for (const CatalogTable& table : tables) {
    const auto obstacle = against_publishing(table, sql.server_version());
    if (!obstacle) continue;
    now.emplace(table.oid, obstacle->what);
    const auto told = leaves_.find(table.oid);
    if (told != leaves_.end() && told->second == obstacle->what) continue;
    log_event(LogLevel::error, "partition_without_identity", obstacle->what, {{"table", to_string(table.name)}, {"fix", obstacle->fix}});
  }
  leaves_ = std::move(now);
  return ok();
}

Status CatalogScan::compare(Connection& sql) {
  std::vector<RelationOid> oids;
  for (const auto& [oid, table] : followed_) oids.push_back(oid);
  TRY(const CatalogFingerprint now, read_fingerprint(sql, options_.publication, oids));
  std::set<RelationOid> again;
  if (types_) {
    TRY(const std::vector<RelationOid> resting, tables_resting_on(sql, changed_types(*types_, now.types), oids));
    again.insert(resting.begin(), resting.end());
  }
  TRY(const auto unseen, describe_unseen(sql));
  for (auto& [oid, table] : followed_) {
    const auto current = now.tables.find(oid);
    if (current == now.tables.end()) {
      look_again_ = true;  // dropped just now: the next look finds it gone
      continue;
    }
    TableFingerprint next = current->second;
    bool reshaped = false;
    std::string why;
    if (table.looked) {
      reshaped = table.fingerprint->shape != next.shape;
    } else {
      // A shape that was seen may not have reached the destination: that the stream passes its position comes later.
      const auto described = unseen.find(oid);
      reshaped = described != unseen.end() && shape_differs(*table.schema, described->second);
    }
    why = table.fingerprint ? explain_rewrite(*table.fingerprint, next) : explain_rewrite_since(table.file_node, table.schema.get(), next);
    if (reshaped) {
      TRY(auto change, reshape(sql, options_.publication, oid));
      if (change) {
        changes_.push_back(std::move(*change));
      } else if (table.looked) {
        next.shape = table.fingerprint->shape;  // the lock was not to be had: try again at the next look
        look_again_ = true;
      } else {
        look_again_ = true;
        continue;
      }
    }
    if (why.empty() && again.contains(oid)) why = "ALTER TYPE changed how values of one of its columns read";
    if (!why.empty()) note_rewritten(oid, std::move(why));
    table.fingerprint = std::move(next);
    table.looked = true;
  }
  types_ = now.types;
  return ok();
}

/// Tables that the destination knew before this process did.
Result<std::map<RelationOid, CatalogTable>> CatalogScan::describe_unseen(Connection& sql) const {
  std::vector<RelationOid> oids;
  for (const auto& [oid, table] : followed_) {
    if (!table.looked && table.schema) oids.push_back(oid);
  }
  TRY(std::vector<CatalogTable> tables, describe(sql, oids));
  std::map<RelationOid, CatalogTable> unseen;
  for (CatalogTable& table : tables) unseen.emplace(table.oid, std::move(table));
  return unseen;
}

Result<std::optional<CatalogChange>> CatalogScan::reshape(Connection& sql, const std::string& publication, RelationOid oid) {
  TRY(const QueryResult name,
      sql.query("SELECT n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = " + std::to_string(oid)));
  if (name.rows() == 0) return std::optional<CatalogChange>{};
  CHECK_OK(sql.exec("BEGIN READ ONLY"));
  CHECK_OK(sql.exec("SET LOCAL lock_timeout = '1s'"));
  if (const Status locked = sql.exec("LOCK TABLE " + quote_qualified(name.text(0, 0), name.text(0, 1)) + " IN ACCESS SHARE MODE"); !locked) {
    if (sql.broken()) return locked.error();
    CHECK_OK(sql.exec("ROLLBACK"));
    return std::optional<CatalogChange>{};
  }
  CatalogReader reader(sql, publication);
  TRY(auto table, reader.describe_table(oid));
  TRY(const QueryResult position, sql.query("SELECT pg_current_wal_insert_lsn()"));
  CHECK_OK(sql.exec("COMMIT"));
  const auto after = Lsn::parse(position.text(0, 0));
  if (!table || !after || table->name != TableName{name.string(0, 0), name.string(0, 1)}) return std::optional<CatalogChange>{};
  CatalogChange change;
  change.kind = CatalogChange::Kind::reshaped;
  change.oid = oid;
  change.table = std::move(*table);
  change.after = *after;
  return std::optional<CatalogChange>(std::move(change));
}

}  // namespace luge
