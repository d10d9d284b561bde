#include "app/preflight.h"

#include <algorithm>

#include "app/destination_checks.h"
#include "app/driver_options.h"
#include "app/snowflake/snowflake_checks.h"
#include "app/snowflake/snowflake_names.h"
#include "app/snowflake/snowflake_owners.h"
#include "app/snowflake/snowflake_settings.h"
#include "app/start_checks.h"
#include "app/state_registry.h"
#include "app/table_checks.h"
#include "postgres/connection.h"
#include "source/catalog_reader.h"
#include "source/publication.h"
#include "source/session.h"
#include "source/slot.h"

namespace luge {

namespace {

class Examination {
 public:
  explicit Examination(const PreflightRequest& request) : request_(request) {
    found_.source = request.source.redacted();
    found_.slot = default_slot_name(request.options.pipeline);
  }

  Preflight run() {
    add(check_destination(request_.places));
    examine_snowflake();
    examine_state();
    examine_source();
    report_gap();
    return std::move(found_);
  }

 private:
  void add(std::vector<Check> checks) {
    for (Check& check : checks) found_.checks.push_back(std::move(check));
  }
  void add(Check check) { found_.checks.push_back(std::move(check)); }

  bool to_snowflake() const { return request_.places.destination.kind == DestinationName::Kind::snowflake; }

  void examine_snowflake() {
    if (!to_snowflake()) return;
    const auto options = require_snowflake(request_.options);
    if (!options) return add(check_of(options.error()));
    std::vector<Check> checks = check_snowflake(*options);
    const bool usable = exit_code_of(checks) == ExitCode::done;
    add(std::move(checks));
    if (!usable) return;
    auto owner = find_snowflake_owner(*options, request_.options.pipeline);
    if (!owner) return add(check_of(owner.error()));
    snowflake_ = *options;
    owner_ = std::move(*owner);
  }

  /// What stands in Snowflake where the tables would, those included that luge would take into its publication.
  void examine_owners(std::vector<CatalogTable> wanted, const std::vector<CatalogTable>& not_published) {
    if (!owner_) return;
    if (takes_in_) wanted.insert(wanted.end(), not_published.begin(), not_published.end());
    std::map<std::string, std::string> ledger;
    if (const auto state = open_existing_state(request_.places)) {
      auto loaded = state->ledger->load_ledger(request_.options.pipeline);
      if (!loaded) return add(check_of(loaded.error()));
      ledger = std::move(*loaded);
    }
    add(check_snowflake_owners(wanted, {*snowflake_, *owner_, request_.options.mode == "log", ledger}));
  }

  Result<std::optional<StateRecord>> load_state() const {
    const auto opened = open_existing_state(request_.places);
    if (opened) return opened->store->load(request_.options.pipeline);
    if (opened.error().code == "state_missing") return std::optional<StateRecord>();
    return opened.error();
  }

  void examine_state() {
    auto record = load_state();
    if (!record) {
      state_unusable_ = true;
      return add(check_of(record.error()));
    }
    found_.state = std::move(*record);
    if (!found_.state) return;
    add(good("state", "resumes at " + to_string(found_.state->checkpoint.end_lsn) + " (" + request_.places.state + ")"));
    if (!found_.state->options_fingerprint.empty() && found_.state->options_fingerprint != options_fingerprint(request_.options)) {
      add(note("options", "--tables or the rules under `columns` are not those of the last run",
               "tables that are selected no more are not followed any more; where the rules change types, --on-retype decides"));
    }
    const std::string destination = request_.places.destination.text();
    if (found_.state->destination != destination && !found_.state->destination.empty()) {
      state_unusable_ = true;
      add(decision("state", "the state in " + request_.places.state + " belongs to " + found_.state->destination + ", not " + destination,
                   "give that --to, another --pipeline, or another --state"));
    }
  }

  void examine_source() {
    if (request_.source.tls_unverified()) {
      add(warning("tls", "the connection does not verify the server's name", "use sslmode=verify-full"));
    }
    auto sql = Connection::open(request_.source);
    if (!sql) return add(check_of(sql.error()));
    add(good("reachable", "connected to " + sql->description()));
    auto server = read_server_facts(*sql);
    if (!server) return add(check_of(server.error()));
    found_.server = std::move(*server);
    const bool supported = found_.server.version >= 130000;
    if (supported) examine_session();
    add(check_server(found_.server, found_.slot_exists));
    if (!supported) return;
    add(check_minor_release(found_.server.version));
    examine_publication(*sql);
    examine_tables(*sql);
  }

  /// The walsender's side: pg_hba admits replication, and what stands there of luge.
  void examine_session() {
    auto replication = Connection::open(request_.source, Connection::Kind::replication);
    if (!replication) return add(check_of(replication.error()));
    auto facts = read_session_facts(*replication, found_.slot, found_.slot);
    if (!facts) return add(check_of(facts.error()));
    found_.slot_exists = facts->slot.exists;
    if (facts->slot.exists && facts->slot.plugin != "pgoutput") {
      return add(problem("slot", "the replication slot " + found_.slot + " uses " + facts->slot.plugin + " instead of pgoutput",
                         "choose another --pipeline"));
    }
    if (!fits(*facts) || !facts->slot.exists) return;
    if (facts->slot.database != found_.server.database) {
      return add(
          problem("slot", "the replication slot " + found_.slot + " belongs to the database " + facts->slot.database, "choose another --pipeline"));
    }
    if (facts->slot.active) {
      return add(note("slot", "the slot " + found_.slot + " is in use by process " + std::to_string(facts->slot.active_pid) +
                                  " of the server; luge waits until it is free"));
    }
    add(good("slot", "the slot " + found_.slot + " stands at " + to_string(facts->slot.confirmed_flush)));
  }

  /// Slot, publication and history still are what luge's state knows, or there is nothing to compare them with.
  bool fits(const SessionFacts& session) {
    if (state_unusable_) return true;
    auto now = load_state();
    if (!now) {
      add(check_of(now.error()));
      return true;
    }
    const StartFacts facts{session, found_.state, std::move(*now), look_for_remains(request_.places)};
    found_.mirror_adopted = !facts.after && facts.remains.adoptable && session.slot.exists;
    if (finds_unknown_slot(facts)) {
      add(check_of(unknown_slot(found_.slot)));
      return false;
    }
    gap_ = foresee_gap(facts);
    found_.repairs = gap_ && is_repairable(*gap_) && request_.options.on_gap == "resync";
    return !gap_;
  }

  /// Last, since by then the tables are known: those that are published, or would be if there is no publication any more.
  void report_gap() {
    if (!gap_) return;
    if (found_.repairs) {
      return add(
          warning("gap", gap_->what + "; every table is copied again (--on-gap resync)", "run without --on-gap resync to stop and look first"));
    }
    std::vector<TableName> tables;
    for (const CatalogTable& table : found_.tables) tables.push_back(table.name);
    found_.gap = to_error(*gap_, tables);
    add(check_of(*found_.gap));
  }

  void examine_publication(Connection& sql) {
    auto publication = read_publication(sql, found_.slot);
    if (!publication) return add(check_of(publication.error()));
    found_.publication_exists = publication->has_value();
    if (!publication->has_value()) {
      if (!found_.server.may_create_publication && (!gap_ || found_.repairs)) {
        add(problem("publication", "role " + found_.server.role + " may not create the publication " + found_.slot,
                    "GRANT CREATE ON DATABASE \"" + found_.server.database + "\" TO " + found_.server.role +
                        ";  -- and it must own the tables; or let their owner run\nCREATE PUBLICATION " + found_.slot +
                        " FOR TABLE … WITH (publish_via_partition_root = true);"));
      }
      return;
    }
    const Status adoptable = check_adoptable(found_.slot, **publication);
    if (!adoptable) return add(check_of(adoptable.error()));
    takes_in_ = (*publication)->made_by_luge;
    add(good("publication",
             "the publication " + found_.slot + " exists" +
                 ((*publication)->made_by_luge ? "" : " and was not made by luge: its tables, columns and filters are used as they are")));
  }

  void examine_tables(Connection& sql) {
    CatalogReader catalog(sql, found_.slot);
    auto listed = catalog.list_tables();
    if (!listed) return add(check_of(listed.error()));
    std::vector<CatalogTable> wanted;
    std::vector<CatalogTable> not_published;  // of a publication that is there already
    for (CatalogTable& table : *listed) {
      if (!request_.selection.includes(table.name)) continue;
      (found_.publication_exists && !table.published ? not_published : wanted).push_back(std::move(table));
    }
    check_selection(wanted, not_published);
    FindingPolicy policy;
    policy.tables = found_.publication_exists ? FindingPolicy::Tables::published : FindingPolicy::Tables::to_publish;
    policy.first_start = !found_.state;
    policy.allow_no_identity = request_.options.allow_no_identity;
    examine_findings(catalog, wanted, policy);
    policy.tables = FindingPolicy::Tables::not_published;
    examine_findings(catalog, not_published, policy);
    if (auto skipped = catalog.unfollowable_tables()) {
      std::erase_if(*skipped, [&](const TableFinding& finding) { return !request_.selection.includes(finding.table); });
      add(check_findings(*skipped, policy));
    }
    examine_names(wanted);
    examine_owners(wanted, not_published);
    found_.tables = std::move(wanted);
  }

  void examine_names(const std::vector<CatalogTable>& wanted) {
    if (to_snowflake() && request_.options.snowflake) return add(check_snowflake_names(wanted, *request_.options.snowflake));
    if (request_.places.destination.kind != DestinationName::Kind::null) add(check_folding_names(wanted, request_.options.mode == "log"));
  }

  void examine_findings(CatalogReader& catalog, const std::vector<CatalogTable>& tables, const FindingPolicy& policy) {
    auto findings = catalog.preflight(tables);
    if (!findings) return add(check_of(findings.error()));
    add(check_findings(*findings, policy));
  }

  void check_selection(const std::vector<CatalogTable>& wanted, const std::vector<CatalogTable>& not_published) {
    const std::string& patterns = request_.options.tables;
    if (wanted.empty() && not_published.empty()) {
      if (patterns.empty()) return add(note("tables", "the database has no user table yet; luge takes in those that come"));
      return add(
          problem("tables", "no table matches --tables '" + patterns + "'", "SELECT schemaname, tablename FROM pg_tables shows what there is"));
    }
    for (const std::string& exact : request_.selection.exact_names()) {
      auto one = TableSelection::parse(exact);
      const auto matches = [&](const CatalogTable& table) { return one && one->includes(table.name); };
      if (std::ranges::none_of(wanted, matches) && std::ranges::none_of(not_published, matches)) {
        add(warning("tables", "there is no table " + exact + " that luge could follow",
                    "check its name in --tables; luge takes it in when it appears"));
      }
    }
  }

  const PreflightRequest& request_;
  Preflight found_;
  bool state_unusable_ = false;
  bool takes_in_ = false;  ///< new tables, into the publication that is there
  std::optional<GapVerdict> gap_;
  std::optional<SnowflakeOptions> snowflake_;  ///< where Snowflake can be used
  std::optional<TableOwner> owner_;            ///< and of what there is this pipeline's
};

}  // namespace

Preflight examine(const PreflightRequest& request) { return Examination(request).run(); }

}  // namespace luge
