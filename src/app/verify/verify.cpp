#include "app/verify/verify.h"

#include <algorithm>
#include <chrono>
#include <map>
#include <optional>
#include <thread>

#include "app/verify/mirror_tables.h"
#include "app/verify/source_snapshot.h"
#include "app/verify/table_comparison.h"
#include "model/catalog_table.h"
#include "postgres/cancel_on_stop.h"
#include "postgres/sql_quoting.h"
#include "source/catalog_reader.h"
#include "source/publishable.h"

namespace luge {

namespace {

using std::chrono::steady_clock;

constexpr Duration kHold = std::chrono::seconds(30);         ///< how long the pipeline waits for the source's snapshot
constexpr Duration kReachTimeout = std::chrono::minutes(10);  ///< how long the mirror may need up to the snapshot
constexpr auto kSettleTimeout = std::chrono::seconds(60);     ///< for copies that are about to end
constexpr int kMostAttempts = 3;

double seconds_since(steady_clock::time_point start) { return std::chrono::duration<double>(steady_clock::now() - start).count(); }

bool on_its_way(TableState state) {
  return state == TableState::waiting || state == TableState::copying || state == TableState::catching_up || state == TableState::resyncing;
}

std::string names_text(const std::vector<std::string>& names) {
  std::string out;
  for (const std::string& name : names) out += (out.empty() ? "" : ", ") + name;
  return out;
}

class Verification {
 public:
  Verification(Driver& driver, const VerifyRequest& request) : driver_(driver), request_(request) {}

  Result<VerifyReport> run() {
    auto report = compare_all();
    // What was cancelled fails in the words of whoever noticed; a mirror that was closed knows why.
    if (report || !request_.stop.stop_requested() || report.error().code == "closed") return report;
    return make_error(Recovery::retry, "cancelled", "luge is stopping, or nobody waits for the comparison any more: it was ended", "verify again");
  }

 private:
  Result<VerifyReport> compare_all() {
    const auto start = steady_clock::now();
    wait_for_copies();
    CHECK_OK(take_both_sides());
    TRY(auto tables, read_mirror_tables());
    TRY(const auto listed, CatalogReader(*source_, request_.scope.publication).list_names());
    TRY(const auto obstacles, read_obstacles(listed));
    VerifyReport report;
    report.lsn = lsn_;
    report.tables = left_out_tables(listed, tables, request_.scope, obstacles);
    std::erase_if(tables, [&](const TableOfMirror& table) { return table.state == TableState::dropped || !request_.scope.covers(table.name); });
    CHECK_OK(read_source_tables(tables));
    for (const TableOfMirror& table : tables) {
      request_.on_table(table.name);
      const auto table_start = steady_clock::now();
      TRY(TableComparison compared, compare(table));
      compared.seconds = seconds_since(table_start);
      report.tables.push_back(std::move(compared));
    }
    std::ranges::stable_sort(report.tables, {}, &TableComparison::name);
    report.seconds = seconds_since(start);
    return report;
  }

  /// Why luge does not publish them by itself, of the tables that should be published and are not.
  Result<std::map<RelationOid, TableFinding>> read_obstacles(const std::vector<ListedTable>& listed) {
    std::vector<RelationOid> oids;
    for (const ListedTable& table : listed) {
      if (!table.published && request_.scope.selected(table.name) && request_.scope.covers(table.name)) oids.push_back(table.oid);
    }
    TRY(const auto tables, CatalogReader(*source_, request_.scope.publication).describe_tables(oids));
    std::map<RelationOid, TableFinding> obstacles;
    for (const CatalogTable& table : tables) {
      if (auto obstacle = against_publishing(table, source_->server_version())) obstacles.emplace(table.oid, *std::move(obstacle));
    }
    return obstacles;
  }

  Result<std::vector<TableOfMirror>> read_mirror_tables() {
    if (!request_.snowflake) return duckdb_mirror_tables(*mirror_);
    std::vector<TableRecord> records;
    for (TableStatus& table : driver_.status().pipeline.tables) records.push_back(std::move(table.record));
    return snowflake_mirror_tables(records, *request_.snowflake);
  }

  void wait_for_copies() {
    const auto deadline = steady_clock::now() + kSettleTimeout;
    const auto busy = [&] {
      const DriverStatus status = driver_.status();
      return std::ranges::any_of(status.pipeline.tables, [&](const TableStatus& table) {
        return request_.scope.covers(table.record.name) && on_its_way(table.record.state);
      });
    };
    while (busy() && steady_clock::now() < deadline && !request_.stop.stop_requested()) std::this_thread::sleep_for(std::chrono::milliseconds(100));
  }

  Status take_both_sides() {
    for (int attempt = 1;; ++attempt) {
      // Held, so that the stream cannot run past the position that the snapshot is going to have; the barrier's request lets go.
      CHECK_OK(driver_.hold(kHold));
      auto snapshot = SourceSnapshot::take(request_.source, request_.stop);
      if (!snapshot) {
        driver_.release();
        return snapshot.error();
      }
      auto reader = snapshot->open_reader(request_.source, request_.stop);
      if (!reader) {
        driver_.release();
        return reader.error();
      }
      lsn_ = snapshot->lsn();
      cancel_source_.reset();
      source_ = std::move(*reader);
      cancel_source_.emplace(*source_, request_.stop);
      auto mirror = driver_.read_at(lsn_, kReachTimeout, request_.stop);
      if (mirror) {
        mirror_ = std::move(*mirror);
        cancel_mirror_.emplace(request_.stop, [this] { mirror_->cancel(); });
        return ok();
      }
      driver_.release();
      if (mirror.error().code != "passed" || attempt == kMostAttempts) return mirror.error();
    }
  }

  /// Locks first: TRUNCATE and rewrites ignore snapshots, so what they did since L is asked afterwards.
  Status read_source_tables(const std::vector<TableOfMirror>& tables) {
    std::vector<RelationOid> oids;
    for (const TableOfMirror& table : tables) oids.push_back(table.oid);
    CatalogReader catalog(*source_, request_.scope.publication);
    TRY(auto described, catalog.describe_tables(oids));
    for (CatalogTable& table : described) {
      CHECK_OK(lock(table));
      source_tables_.emplace(table.oid, std::move(table));
    }
    return ok();
  }

  Status lock(const CatalogTable& table) {
    CHECK_OK(source_->exec("SAVEPOINT luge_lock"));
    const Status locked = source_->exec("LOCK TABLE " + quote_qualified(table.name.schema, table.name.table) + " IN ACCESS SHARE MODE");
    if (!locked) {
      if (source_->broken()) return locked;
      CHECK_OK(source_->exec("ROLLBACK TO SAVEPOINT luge_lock"));
      not_readable_[table.oid] = locked.error().what;
      return ok();
    }
    // pg_class is read in the snapshot, pg_relation_filenode() as it is now.
    TRY(const QueryResult moved,
        source_->query("SELECT EXISTS (SELECT FROM pg_catalog.pg_class c WHERE c.relfilenode <> 0 AND c.relfilenode IS DISTINCT FROM "
                       "pg_catalog.pg_relation_filenode(c.oid) AND (c.oid = " +
                       std::to_string(table.oid) + " OR c.oid IN (SELECT relid FROM pg_catalog.pg_partition_tree(" + std::to_string(table.oid) +
                       "))))"));
    if (moved.boolean(0, 0)) not_readable_[table.oid] = "it was truncated or rewritten since " + to_string(lsn_) + "; verify again";
    return ok();
  }

  Result<TableComparison> compare(const TableOfMirror& table) {
    TableComparison result;
    result.name = table.name;
    if (table.state != TableState::live) {
      result.note = "its state is " + std::string(to_string(table.state));
      return result;
    }
    const auto refused = not_readable_.find(table.oid);
    if (refused != not_readable_.end()) {
      result.note = refused->second;
      return result;
    }
    const auto found = source_tables_.find(table.oid);
    if (found == source_tables_.end()) {
      result.note = "the source has no such table any more";
      return result;
    }
    const ComparedTable compared = match_columns(table, found->second, result.note);
    CHECK_OK(compare_table(*source_, *mirror_, compared, request_.keys, result));
    if (!result.note.empty()) result.outcome = TableComparison::Outcome::different;
    return result;
  }

  /// Columns are matched by number. What only one side has is said in `note`.
  ComparedTable match_columns(const TableOfMirror& table, const CatalogTable& source, std::string& note) const {
    ComparedTable compared;
    compared.source_relation = (source.kind == 'p' ? "" : "ONLY ") + quote_qualified(source.name.schema, source.name.table);
    compared.source_filter = source.row_filter.value_or("");
    compared.mirror_relation = table.target;
    compared.mirror_filter = table.filter;
    compared.mirror = request_.snowflake ? MirrorKind::snowflake : MirrorKind::duckdb;
    std::vector<std::string> only_mirror;
    std::vector<std::string> only_source;
    for (std::size_t i = 0; i < table.schema->columns.size(); ++i) {
      const ColumnSchema& column = table.schema->columns[i];
      const auto other = std::ranges::find_if(
          source.columns, [&](const CatalogColumn& candidate) { return candidate.attnum == column.attnum && !candidate.dropped; });
      if (other == source.columns.end()) {
        only_mirror.push_back(column.name);
        continue;
      }
      const bool in_key = std::ranges::find(table.schema->key_columns, static_cast<std::uint16_t>(i)) != table.schema->key_columns.end();
      compared.columns.push_back({other->name, table.columns[i], other->type, column.value, in_key});
    }
    for (const CatalogColumn& column : source.columns) {
      if (column.dropped || !is_published(source, column)) continue;
      const bool known = std::ranges::any_of(table.schema->columns, [&](const ColumnSchema& candidate) { return candidate.attnum == column.attnum; });
      if (!known) only_source.push_back(column.name);
    }
    if (!only_source.empty())
      note = "the mirror has no column " + names_text(only_source) + " yet: a change of shape arrives with the next change of a row";
    if (!only_mirror.empty())
      note += (note.empty() ? "" : "; ") +
              ("the source has no column " + names_text(only_mirror) + " any more: a change of shape arrives with the next change of a row");
    return compared;
  }

  static bool is_published(const CatalogTable& table, const CatalogColumn& column) {
    if (table.published_columns.empty()) return !column.generated;
    return std::ranges::find(table.published_columns, column.name) != table.published_columns.end();
  }

  Driver& driver_;
  const VerifyRequest& request_;
  Lsn lsn_;
  std::optional<Connection> source_;
  std::optional<CancelOnStop> cancel_source_;
  std::shared_ptr<ReadHandle> mirror_;
  std::optional<std::stop_callback<std::function<void()>>> cancel_mirror_;
  std::map<RelationOid, CatalogTable> source_tables_;
  std::map<RelationOid, std::string> not_readable_;
};

}  // namespace

Result<VerifyReport> verify(Driver& driver, const VerifyRequest& request) { return Verification(driver, request).run(); }

}  // namespace luge
