#pragma once
#include <deque>
#include <map>
#include <vector>

#include "pipeline/ports.h"
#include "sim/dice.h"
#include "sim/sim_postgres.h"

namespace luge {

/// Catalog queries that answer late, with what is visible at that later moment: ahead of the stream, or behind it while a commit
/// waits for a standby. Now and then they fail, as they do while the server shuts down.
class SimCatalog final : public CatalogPort {
 public:
  SimCatalog(const SimPostgres& server, Dice dice, const Instant& now) : server_(server), dice_(dice), now_(now) {}

  bool try_request(RelationOid oid, std::vector<Oid> types) override;
  std::optional<Answer> try_take_answer() override;
  bool has_answer() const { return !asked_.empty() && asked_.front().due <= now_ && server_.up(); }
  Instant next_due() const { return asked_.empty() || asked_.front().due <= now_ ? Instant{INT64_MAX} : asked_.front().due; }

 private:
  struct Asked {
    RelationOid oid;
    std::vector<Oid> types;
    Instant due;
  };
  const SimPostgres& server_;
  Dice dice_;
  const Instant& now_;
  std::deque<Asked> asked_;
};

/// Polls the publication for tables that the selection wants, and for shapes that changed without a row.
class SimTableFinder final : public TableFinder {
 public:
  SimTableFinder(const SimPostgres& server, Dice dice, const Instant& now) : server_(server), dice_(dice), now_(now) {}

  std::optional<TableEvent> try_take_event() override;
  void run();
  bool has_event() const { return !events_.empty(); }
  Instant next_due() const { return server_.up() ? next_poll_ : Instant{INT64_MAX}; }

 private:
  const SimPostgres& server_;
  Dice dice_;
  const Instant& now_;
  Instant next_poll_;
  std::map<RelationOid, std::uint32_t> told_;  ///< version of the shape
  std::deque<TableEvent> events_;
};

}  // namespace luge
