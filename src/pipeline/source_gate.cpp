#include "pipeline/source_gate.h"

#include <algorithm>
#include <utility>

#include "base/log.h"
#include "batch/column_builder.h"
#include "decode/relation_resolver.h"
#include "source/catalog_reader.h"
#include "source/libpq_stream.h"
#include "source/publication.h"
#include "source/publishable.h"
#include "source/session.h"
#include "source/slot.h"

namespace luge {

SourceGate::SourceGate(const DriverOptions& options, const Clock& clock, std::stop_token stop)
    : options_(options), clock_(clock), stop_(std::move(stop)), slot_(default_slot_name(options.pipeline)), publication_(slot_) {}

Result<SessionFacts> SourceGate::facts() {
  replication_.reset();
  TRY(Connection connection, Connection::open(options_.source, Connection::Kind::replication));
  TRY(SessionFacts facts, read_session_facts(connection, slot_, publication_));
  replication_ = std::move(connection);
  return facts;
}

Status SourceGate::ensure_publication() {
  TRY(Connection sql, Connection::open(options_.source));
  TRY(const auto existing, read_publication(sql, publication_));
  if (existing) {
    CHECK_OK(check_adoptable(publication_, *existing));
    log_event(LogLevel::info, "publication_adopted",
              existing->made_by_luge ? "luge has made the publication before" : "a publication of that name exists and is used as it is",
              {{"publication", publication_}});
    return ok();
  }
  CatalogReader catalog(sql, publication_);
  TRY(const std::vector<CatalogTable> tables, catalog.list_tables());
  std::vector<TableName> names;
  std::uint64_t left_out = 0;
  for (const CatalogTable& table : tables) {
    if (!options_.wants(table.name)) continue;
    if (options_.allow_no_identity || publishable(table, sql.server_version())) {
      names.push_back(table.name);
    } else {
      ++left_out;  // the catalog scan tells which, and takes them in when they can be
    }
  }
  CHECK_OK(create_publication(sql, publication_, names));
  log_event(LogLevel::info, "publication_created", "publishes the selected tables",
            {{"publication", publication_}, {"tables", static_cast<std::uint64_t>(names.size())}, {"left_out", left_out}});
  return ok();
}

Result<Lsn> SourceGate::create_slot() { return luge::create_slot(options_.source, SlotRequest{slot_, false}, stop_); }

Status SourceGate::drop_slot() {
  // A walsender of a luge that was just killed may hold it for a moment: the replication connection of facts() does not.
  TRY(Connection sql, Connection::open(options_.source));
  TRY([[maybe_unused]] const bool dropped, luge::drop_slot(sql, slot_));
  return ok();
}

Result<bool> SourceGate::all_columns_binary() {
  TRY(Connection sql, Connection::open(options_.source));
  CatalogReader catalog(sql, publication_);
  TRY(const std::vector<CatalogTable> tables, catalog.list_tables());
  return std::all_of(tables.begin(), tables.end(), [&](const CatalogTable& table) {
    if (!table.published || !options_.wants(table.name)) return true;
    const auto schema = schema_from_catalog(table, options_.pipeline_options.columns);
    return schema && std::all_of((*schema)->columns.begin(), (*schema)->columns.end(),
                                 [](const ColumnSchema& column) { return has_binary_reader(*column.type, column.typmod, column.value); });
  });
}

Result<std::unique_ptr<ReplicationStream>> SourceGate::start_stream(bool binary, bool streaming) {
  ENSURE(replication_.has_value(), "a stream is started on the connection on which its facts were read");
  StreamRequest request;
  request.slot = slot_;
  request.publication = publication_;
  request.streaming = streaming;
  request.binary = binary;
  Connection connection = std::move(*replication_);
  replication_.reset();
  TRY(auto stream, LibpqStream::start(std::move(connection), request, clock_));
  return std::unique_ptr<ReplicationStream>(std::move(stream));
}

}  // namespace luge
