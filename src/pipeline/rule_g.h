#pragma once
#include <string>
#include <vector>

#include "base/error.h"
#include "model/frontier.h"
#include "source/session_facts.h"
#include "state/state_store.h"

namespace luge {

/// What rule G (design.md §3 rule 3) says about resuming.
struct GapVerdict {
  enum class Kind : char {
    resume,       ///< start at 0/0; whole transactions at or before the checkpoint are skipped
    identity,     ///< another cluster, database or publication: an operator must decide
    gap,          ///< changes are missing between `from` and `to`
    destination,  ///< the destination is behind what was acknowledged: restored, torn or replaced file
    unavailable,  ///< cannot tell yet: slot busy, server in recovery; try again
  };
  Kind kind = Kind::resume;
  Lsn from;
  Lsn to;
  std::string what;
  std::string hint;
};

/// Pure. Evaluated after every connect, before the first row.
GapVerdict evaluate_gap(const SessionFacts& facts, const StateRecord& state, const Frontier& destination);

/// The destination as the state knows it, for a test without opening it: it stands there, or further.
Frontier frontier_of(const StateRecord& state);

/// `on_gap: resync` can help: changes are missing, but everything is where it belongs.
bool is_repairable(const GapVerdict& verdict);

/// The publication was dropped, or `made_again`. Up to `from` it was certainly there; zero: nobody has looked.
GapVerdict publication_lost(const std::string& publication, bool made_again, Lsn from, Lsn to);

/// The slot stood at `confirmed_flush`, so the transaction at `witness` had to come again; `seen`, beyond it, came instead.
GapVerdict another_history(Lsn confirmed_flush, Lsn witness, Lsn seen);

/// A change that was committed at `seen`, before `received`, up to which an earlier session was told that nothing is left.
GapVerdict rewritten_history(Lsn confirmed_flush, Lsn seen, Lsn received);

/// A verdict as the error that stops the pipeline (exit code 3).
Error to_error(const GapVerdict& verdict, const std::vector<TableName>& tables = {});
/// The error of a gap, naming the tables whose changes may be missing: a few, then how many more.
Error with_tables(Error gap, const std::vector<TableName>& tables);
/// Those of `tables` that a gap concerns: what is copied again anyway, is stopped or has left is not among them.
std::vector<TableName> tables_in_gap(const std::vector<TableRecord>& tables);

/// A slot that neither state nor destination knows of, at a first start.
Error unknown_slot(const std::string& slot);

}  // namespace luge
