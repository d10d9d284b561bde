#include "decode/column_alignment.h"

#include <algorithm>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>

namespace luge {

namespace {

constexpr std::uint32_t kImpossible = UINT32_MAX;

// How unlikely an event is, beside the others. A column that changed both its name and its type unseen is rather another column.
constexpr std::uint32_t kRenamed = 2;
constexpr std::uint32_t kRetyped = 2;
constexpr std::uint32_t kRenamedAndRetyped = 5;
constexpr std::uint32_t kDroppedSince = 2;  // added after the previous shape, in the message, dropped before the catalog was read
constexpr std::uint32_t kDroppedSinceDoubted = 4;  // the same, when it is asked whether a rename would explain the message as well
constexpr std::uint32_t kReadded = 2;       // a known name of another column: that one dropped, this one added under its name and renamed
constexpr std::uint32_t kCameAndWent = 2;   // columns in a row that were added after the previous shape and dropped before the message
constexpr std::uint32_t kUnexpected = 2;    // not in the previous shape, though not newer than it
constexpr std::uint32_t kLongDropped = 6;   // the same of a column that is dropped: before the previous shape, unless it was not published then
constexpr std::uint32_t kDropToCome = 2;    // in the catalog, not in the message: dropped by a transaction that the catalog does not show yet
constexpr std::uint32_t kLeftOut = 4;       // the same when there is none: it was not published then
constexpr std::uint32_t kUncommitted = 2;   // in the message, not in the catalog yet

// One attnum with what is known of it on both sides of the message.
struct Candidate {
  std::int16_t attnum = 0;
  const CatalogColumn* now = nullptr;     // dropped ones included; null: beyond the catalog's last
  const ColumnSchema* before = nullptr;   // null: not in the previous shape
  bool unexpected = false;                // absent from the previous shape, though not newer than it
  bool long_dropped = false;              // the same, and dropped
  bool came_and_went = false;             // certainly newer than the previous shape, and dropped by now
  std::uint32_t left_out = kLeftOut;      // what it costs to be in the catalog only
  bool optional = false;                  // need not be published: generated, or not in today's column list
};

std::vector<Candidate> candidates_of(const CatalogTable& catalog, const TableSchema* previous, CatalogAge age) {
  std::unordered_map<std::int16_t, const ColumnSchema*> before;
  std::int16_t newest_before = 0;
  bool newest_known = false;
  if (previous != nullptr) {
    newest_before = previous->newest_attnum;
    newest_known = newest_before > 0;
    for (const ColumnSchema& column : previous->columns) {
      before[column.attnum] = &column;
      newest_before = std::max(newest_before, column.attnum);
    }
  }
  const auto& list = catalog.published_columns;
  std::vector<Candidate> candidates;
  candidates.reserve(catalog.columns.size());
  for (const CatalogColumn& column : catalog.columns) {
    Candidate candidate;
    candidate.attnum = column.attnum;
    candidate.now = &column;
    if (age == CatalogAge::may_be_behind) candidate.left_out = kDropToCome;
    if (const auto found = before.find(column.attnum); found != before.end()) candidate.before = found->second;
    candidate.optional = !column.dropped && (column.generated || (!list.empty() && std::find(list.begin(), list.end(), column.name) == list.end()));
    candidate.unexpected = candidate.before == nullptr && column.attnum <= newest_before && !candidate.optional;
    candidate.long_dropped = newest_known && column.dropped && candidate.unexpected;
    candidate.came_and_went = newest_known && column.dropped && column.attnum > newest_before;
    candidates.push_back(candidate);
  }
  return candidates;
}

bool same_type(const RelationColumn& a, Oid type_oid, std::int32_t typmod) { return a.type_oid == type_oid && a.typmod == typmod; }

// Dropped by now and not in the previous shape: its name and its type cannot be compared with anything.
bool seen_nowhere(const Candidate& candidate) { return candidate.now != nullptr && candidate.now->dropped && candidate.before == nullptr; }

// What it costs if `column` is this attnum. `known`: the previous shape has its name.
std::uint32_t cost_of_match(const RelationColumn& column, const Candidate& candidate, bool known, std::uint32_t dropped_since) {
  if (candidate.now == nullptr) return kUncommitted;
  const CatalogColumn& now = *candidate.now;
  bool name_shown = false;
  bool type_shown = false;
  if (candidate.before != nullptr) {
    name_shown = column.name == candidate.before->name;
    type_shown = same_type(column, candidate.before->type->oid, candidate.before->typmod);
  }
  if (!now.dropped) {
    name_shown = name_shown || column.name == now.name;
    type_shown = type_shown || (now.type && same_type(column, now.type->oid, now.typmod));
  }
  const std::uint32_t unexpected = candidate.long_dropped ? kLongDropped : candidate.unexpected ? kUnexpected : 0;
  if (seen_nowhere(candidate)) return dropped_since + unexpected;
  const std::uint32_t readded = known && candidate.before == nullptr && !name_shown ? kReadded : 0;
  if (!name_shown && !type_shown) return kRenamedAndRetyped + unexpected + readded;
  return (name_shown ? 0 : kRenamed) + (type_shown ? 0 : kRetyped) + unexpected + readded;
}

// What it costs if this attnum is not in the message, though a later one is. That columns came and went between the previous shape
// and the message is charged once for those between two columns of the message (CostTable).
std::uint32_t cost_of_skip(const Candidate& candidate) {
  if (candidate.now == nullptr) return kImpossible;  // attnums that are to come are given out without gaps
  return candidate.now->dropped || candidate.optional ? 0 : candidate.left_out;
}

// The same if no later one is in it: then the column may simply be newer than the message.
std::uint32_t cost_of_end(const Candidate& candidate) { return candidate.before == nullptr ? 0 : cost_of_skip(candidate); }

// The usual case without a table of costs: exactly the published columns of now, and nothing that was dropped since competes.
bool matches_exactly(const RelationMessage& relation, std::span<const Candidate> candidates, ColumnAlignment& alignment) {
  std::size_t next = 0;
  for (const Candidate& candidate : candidates) {
    if (candidate.now->dropped) {
      if (candidate.before != nullptr || candidate.came_and_went) return false;
      continue;
    }
    const bool fits = next < relation.columns.size() && relation.columns[next].name == candidate.now->name && candidate.now->type &&
                      same_type(relation.columns[next], candidate.now->type->oid, candidate.now->typmod);
    if (fits) {
      alignment.attnums.push_back(candidate.attnum);
      ++next;
    } else if (!candidate.optional) {
      return false;
    }
  }
  return next == relation.columns.size();
}

// cost(i, k, charged): the least cost of giving the message's columns from i on to the attnums from k on; `charged`: that columns came
// and went since the last one that was given is paid for. ways: how many assignments cost that.
class CostTable {
 public:
  CostTable(const RelationMessage& relation, std::span<const Candidate> candidates, std::uint32_t dropped_since)
      : dropped_since_(dropped_since),
        columns_(relation.columns),
        known_(columns_.size()),
        candidates_(candidates),
        width_(candidates.size() + 1),
        cells_((columns_.size() + 1) * width_ * 2) {
    std::unordered_set<std::string_view> names;
    for (const Candidate& candidate : candidates) {
      if (candidate.before != nullptr) names.insert(candidate.before->name);
    }
    for (std::size_t i = 0; i < columns_.size(); ++i) known_[i] = names.contains(columns_[i].name);
    for (std::size_t i = columns_.size() + 1; i-- > 0;) {
      for (std::size_t k = width_; k-- > 0;) {
        fill(i, k, false);
        fill(i, k, true);
      }
    }
  }

  ColumnAlignment best() const {
    ColumnAlignment alignment;
    const Cell& start = cell(0, 0, false);
    if (start.cost == kImpossible) return alignment;
    alignment.kind = start.ways == 1 ? ColumnAlignment::Kind::unique : ColumnAlignment::Kind::several;
    if (start.ways != 1) return alignment;
    bool charged = false;
    for (std::size_t i = 0, k = 0; i < columns_.size(); ++k) {
      if (cell(i, k, charged).match) {
        alignment.attnums.push_back(candidates_[k].attnum);
        ++i;
        charged = false;
      } else {
        charged = charged || candidates_[k].came_and_went;
      }
    }
    return alignment;
  }

 private:
  struct Cell {
    std::uint32_t cost = kImpossible;
    std::uint8_t ways = 0;  // 2: two or more
    bool match = false;     // the best way gives column i to attnum k
  };

  const Cell& cell(std::size_t i, std::size_t k, bool charged) const { return cells_[(i * width_ + k) * 2 + (charged ? 1 : 0)]; }

  void fill(std::size_t i, std::size_t k, bool charged) {
    Cell& here = cells_[(i * width_ + k) * 2 + (charged ? 1 : 0)];
    const bool no_attnums = k + 1 == width_;
    if (i == columns_.size()) {
      here = {no_attnums ? 0 : cell(i, k + 1, charged).cost + cost_of_end(candidates_[k]), 1, false};
      return;
    }
    if (no_attnums) return;
    const Candidate& candidate = candidates_[k];
    const Cell& if_matched = cell(i + 1, k + 1, false);
    if (if_matched.cost != kImpossible)
      here = {if_matched.cost + cost_of_match(columns_[i], candidate, known_[i], dropped_since_), if_matched.ways, true};
    const Cell& if_skipped = cell(i, k + 1, charged || candidate.came_and_went);
    const std::uint32_t skip = cost_of_skip(candidate);
    if (if_skipped.cost == kImpossible || skip == kImpossible) return;
    const std::uint32_t skipped = if_skipped.cost + skip + (candidate.came_and_went && !charged ? kCameAndWent : 0);
    if (skipped < here.cost)
      here = {skipped, if_skipped.ways, false};
    else if (skipped == here.cost)
      here.ways = 2;
  }

  std::uint32_t dropped_since_;
  std::span<const RelationColumn> columns_;
  std::vector<bool> known_;
  std::span<const Candidate> candidates_;
  std::size_t width_;
  std::vector<Cell> cells_;
};

// The table is gone, and with it every trace of what was altered since the previous shape: only that shape itself can be read.
ColumnAlignment align_without_catalog(const RelationMessage& relation, const TableSchema* previous) {
  ColumnAlignment alignment;
  if (previous == nullptr || previous->columns.size() != relation.columns.size()) return alignment;
  for (std::size_t i = 0; i < relation.columns.size(); ++i) {
    const ColumnSchema& column = previous->columns[i];
    if (relation.columns[i].name != column.name || !same_type(relation.columns[i], column.type->oid, column.typmod)) return alignment;
    alignment.attnums.push_back(column.attnum);
  }
  alignment.kind = ColumnAlignment::Kind::unique;
  return alignment;
}

}  // namespace

ColumnAlignment align_columns(const RelationMessage& relation, const CatalogTable& catalog, const TableSchema* previous, CatalogAge age) {
  if (catalog.columns.empty()) return align_without_catalog(relation, previous);
  std::vector<Candidate> candidates = candidates_of(catalog, previous, age);
  ColumnAlignment exact;
  if (matches_exactly(relation, candidates, exact)) {
    exact.kind = ColumnAlignment::Kind::unique;
    return exact;
  }
  const std::size_t committed = candidates.size();
  const std::size_t uncommitted = age == CatalogAge::may_be_behind ? relation.columns.size() : 0;
  for (std::size_t i = 0; i < uncommitted; ++i) {
    Candidate to_come;
    to_come.attnum = static_cast<std::int16_t>(candidates.back().attnum + 1);
    candidates.push_back(to_come);
  }
  ColumnAlignment alignment = CostTable(relation, candidates, kDroppedSince).best();
  if (alignment.kind != ColumnAlignment::Kind::unique) return alignment;
  const auto is_seen_nowhere = [&](std::int16_t attnum) {
    return std::any_of(candidates.begin(), candidates.end(), [&](const Candidate& c) { return c.attnum == attnum && seen_nowhere(c); });
  };
  if (std::none_of(alignment.attnums.begin(), alignment.attnums.end(), is_seen_nowhere)) return alignment;
  // That a column came and went is the simpler history, but one in which another was renamed may have left the very same traces.
  const ColumnAlignment doubted = CostTable(relation, std::span(candidates).first(committed), kDroppedSinceDoubted).best();
  if (doubted.kind != ColumnAlignment::Kind::unique || doubted.attnums != alignment.attnums) alignment = {ColumnAlignment::Kind::several, {}};
  return alignment;
}

}  // namespace luge
