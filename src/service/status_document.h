#pragma once
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "destination/destination_health.h"
#include "pipeline/driver.h"

namespace luge {

/// What `luge status` says (docs/reference/status.md). LSNs are "16/B374D848"; "0/0" is "none yet". What nobody knows is left empty, and
/// is null in JSON.
struct StatusDocument {
  struct Quarantined {
    std::string code, reason, column, type, lsn, fix;
  };
  struct Copy {
    std::string phase;
    std::uint64_t rows = 0;
    std::uint64_t bytes = 0;
    double estimated_rows = -1;  ///< -1: unknown
    double seconds = 0;

    /// Of the rows read so far; 0: none yet.
    double rows_per_second() const;
    /// 0 to 1, never quite 1 while it runs; nullopt: the table was never counted.
    std::optional<double> share() const;
    /// At that rate; nullopt: unknown, or more rows came than were estimated.
    std::optional<double> seconds_left() const;
  };
  /// Of a destination behind a network.
  struct Landing {
    std::uint64_t rows_landed = 0;
    std::string merged;
    double seconds_behind = 0;
    std::uint64_t statements = 0;
    double warehouse_seconds = 0;
    std::string error;
  };
  struct Link {
    std::string breaker, last_error;
    std::uint64_t retries = 0, rows_sent = 0, bytes_sent = 0;
    std::string common;  ///< all tables' current state is complete up to here
  };
  struct Table {
    RelationOid oid = 0;  ///< tells tables apart that had the name one after the other
    std::string schema, name, state;
    std::uint64_t rows = 0;  ///< changes taken from the stream since the process started
    std::string position;    ///< everything of it up to here is in the destination
    std::optional<Quarantined> quarantine;
    std::optional<Copy> copy;
    std::optional<Landing> landing;
  };
  struct Slot {
    std::string name;
    std::optional<SlotFacts> facts;  ///< nullopt: the server has not been asked
  };
  struct Problem {
    std::string code, what, hint;
    std::optional<int> exit_code;  ///< of the run that it ended
  };

  /// The process that speaks for the pipeline, if that is another one: its tables, and what it has done since it started, are known there.
  struct Elsewhere {
    std::string owner;
    std::uint64_t tables = 0;
    std::uint64_t quarantined = 0;  ///< of them
  };

  std::string pipeline, source, destination;
  std::string state;  ///< of the driver, or "not_running"
  bool paused = false;
  std::string mode;
  std::int64_t pid = 0;
  std::optional<Elsewhere> elsewhere;  ///< in the summary only
  std::optional<std::string> server;
  std::string received, durable, acknowledged;
  std::optional<std::uint64_t> lag_bytes;
  std::optional<double> lag_seconds;
  std::uint64_t rows = 0, batches = 0, transactions = 0, reconnects = 0;
  Slot slot;
  std::vector<Table> tables;  ///< by name
  std::optional<Problem> error;
  std::optional<Link> link;
};

/// What the running luge knows.
StatusDocument make_status(const DriverStatus& driver, PgTimestamp now, const std::optional<DestinationHealth>& health = std::nullopt);
/// The tables of a destination that nobody works on; `document.error` says whether they stopped at a gap.
void fill_tables(StatusDocument& document, const std::vector<TableRecord>& records, Lsn durable);
/// What the source says when it is asked: the slot, and how far its WAL is ahead of `durable`.
void fill_source(StatusDocument& document, const SessionFacts& source, Lsn durable);

StatusDocument::Problem problem_of(const Error& error);

std::string to_json(const StatusDocument& document);
std::string to_json(const StatusDocument::Table& table);
/// How many tables are in which state. Of a pipeline elsewhere only the quarantined ones are told apart; the state of the others is "unknown".
std::map<std::string, std::uint64_t> table_counts(const StatusDocument& document);
/// The document with `table_counts` (how many tables are in which state) in the place of `tables`.
std::string summary_json(const StatusDocument& document);
Result<StatusDocument> parse_status(std::string_view json);

/// 3 when a table or the pipeline waits for a decision.
ExitCode exit_code_of(const StatusDocument& document);

}  // namespace luge
