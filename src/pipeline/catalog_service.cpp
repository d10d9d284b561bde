#include "pipeline/catalog_service.h"

#include <utility>

#include "base/clock.h"

namespace luge {

namespace {

std::vector<FollowedTable> followed(const Frontier& frontier) {
  std::vector<FollowedTable> tables;
  for (const TableRecord& record : frontier.tables) {
    tables.push_back({record.oid, record.file_node, record.schema, record.state == TableState::dropped});
  }
  return tables;
}

std::shared_ptr<SchemaCache> cache_of(const DriverOptions& options) {
  static const SystemClock clock;
  return options.schema_cache ? options.schema_cache : std::make_shared<SchemaCache>(clock);
}

}  // namespace

CatalogService::CatalogService(const DriverOptions& options, const StateRecord& record, bool own, const Frontier& frontier,
                               std::function<void()> wake)
    : publication_(record.publication),
      watcher_(options.source,
               CatalogScanOptions{record.publication, own, options.wants, options.allow_no_identity, record.publication_oid, record.publication_seen,
                                  options.fixed_tables, cache_of(options)},
               followed(frontier), frontier.catalog_memory, options.catalog_poll_interval, std::move(wake)) {}

TableEvent CatalogService::to_event(CatalogChange change) const {
  switch (change.kind) {
    case CatalogChange::Kind::found: return TableFound{std::move(change.table)};
    case CatalogChange::Kind::gone: return TableGone{change.oid};
    case CatalogChange::Kind::rewritten: return TableRewritten{change.oid, std::move(change.why)};
    case CatalogChange::Kind::remember: return CatalogSeen{std::move(change.memory)};
    case CatalogChange::Kind::reshaped: return TableReshaped{std::move(change.table), change.after};
    case CatalogChange::Kind::publication_lost:
      return PublicationLost{publication_lost(publication_, change.loss.made_again, change.loss.from, change.loss.to)};
  }
  return TableGone{change.oid};
}

std::optional<CatalogPort::Answer> CatalogService::try_take_answer() {
  auto answer = watcher_.try_take_answer();
  if (!answer) return std::nullopt;
  if (!answer->table) return Answer{answer->oid, std::move(answer->table).error()};
  return Answer{answer->oid, *std::move(answer->table), std::move(answer->seen)};
}

std::optional<TableEvent> CatalogService::try_take_event() {
  auto change = watcher_.try_take_change();
  if (!change) return std::nullopt;
  return to_event(std::move(*change));
}

}  // namespace luge
