#include "app/snowflake/snowflake_owners.h"

#include <set>

#include "destination/snowflake/control_table.h"
#include "destination/snowflake/foreign_tables.h"
#include "destination/snowflake/ledger/table_entry.h"
#include "destination/snowflake/snowflake_connection.h"

namespace luge {

namespace {

constexpr Duration kSearchTimeout = std::chrono::seconds(15);

/// A verb's way to the database, as the destination will go it.
struct Way {
  SystemClock clock;
  std::shared_ptr<SnowflakeConnection> connection;
  std::unique_ptr<SqlSession> sql;
};

Result<std::unique_ptr<Way>> find_way(const SnowflakeOptions& options) {
  auto way = std::make_unique<Way>();
  TRY(way->connection, SnowflakeConnection::make(options, way->clock));
  way->sql = way->connection->sql({});
  return way;
}

/// The luge whose ledger it is has looked at them when it took them over. That of another mirror counts for nothing.
Result<std::set<RelationOid>> followed(const std::map<std::string, std::string>& ledger, const std::string& uuid) {
  std::set<RelationOid> oids;
  const auto meta = ledger.find(std::string(kMetaKey));
  if (meta == ledger.end()) return oids;
  TRY(const MetaEntry known, decode_meta_entry(meta->second));
  if (known.uuid != uuid) return oids;
  for (const auto& [key, value] : ledger) {
    if (!key.starts_with(kTablePrefix)) continue;
    TRY(const TableEntry entry, decode_table_entry(value));
    if (entry.has_log && entry.record.state != TableState::quarantined) oids.insert(entry.record.oid);
  }
  return oids;
}

}  // namespace

Result<TableOwner> find_snowflake_owner(const SnowflakeOptions& options, const std::string& pipeline) {
  TRY(const auto way, find_way(options));
  TRY(const auto found, ControlTable(options, pipeline).find(way->sql->client(), kSearchTimeout));
  return TableOwner{pipeline, found ? found->uuid : std::string()};
}

std::vector<Check> check_snowflake_owners(const std::vector<CatalogTable>& tables, const OwnershipQuestion& question) {
  const auto known = followed(question.ledger, question.owner.uuid);
  if (!known) return {check_of(known.error())};
  std::vector<TableName> names;
  for (const CatalogTable& table : tables) {
    if (!known->contains(table.oid)) names.push_back(table.name);
  }
  if (names.empty()) return {};
  const auto way = find_way(question.options);
  if (!way) return {check_of(way.error())};
  const bool with_state = !question.log_mode && question.options.current_state == SnowflakeOptions::CurrentState::merge;
  const auto foreign = find_foreign_tables((*way)->sql->client(), question.options, question.owner, with_state, names, kSearchTimeout);
  if (!foreign) return {check_of(foreign.error())};
  std::vector<Check> checks;
  for (const ForeignTable& one : *foreign) {
    Check check = check_of(one.why);
    check.level = question.owner.uuid.empty() ? Check::Level::problem : Check::Level::warning;
    check.tables.push_back(to_string(one.table));
    checks.push_back(std::move(check));
  }
  return checks;
}

}  // namespace luge
