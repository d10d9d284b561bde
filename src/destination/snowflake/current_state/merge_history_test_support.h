#pragma once
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "destination/snowflake/current_state/current_state_test_support.h"

namespace luge {

/// Many tables' random histories in one: column G says which. What happens in one of them does not touch the others, except TRUNCATE and
/// the added column, so that few statements prove much. Beside the log's rows it keeps what the table should hold after each transaction.
class MergeHistory {
 public:
  using Value = std::optional<nlohmann::json>;  ///< nullopt: NULL
  using Row = std::map<std::string, Value>;
  /// As the state table is asked: G, ID, A, J as JSON text, N, C; sorted.
  using Table = std::vector<std::vector<std::optional<std::string>>>;

  struct Options {
    bool keyless = false;
    bool soft_delete = false;
    bool copied = false;  ///< the state begins with a copy, and the log before its snapshot
    int groups = 80;
    int transactions = 32;
  };

  MergeHistory(std::string name, Options options, std::uint64_t seed) : options_(options), random_(seed) {
    layout = {{"PUBLIC", name, name + "__LOG"}, {}, options.soft_delete};
    layout.columns = {column(1, "G", "NUMBER(38,0)"), column(2, "ID", "VARCHAR"),     column(3, "A", "VARCHAR"),
                      column(5, "J", "VARIANT"),      column(6, "N", "NUMBER(12,2)"), column(7, "C", "VARCHAR")};
    layout.columns[0].key = layout.columns[1].key = !options.keyless;
    layout.columns[5].missing = "'c0'";
    layout.columns[5].missing_is_constant = true;
    generate();
  }

  TableLayout layout;
  std::vector<LogRow> log;             ///< in order; copied rows first
  std::vector<LogRow> copied;          ///< op i, at (1, 0, n)
  std::vector<Position> ends;          ///< of each transaction: its last row
  std::vector<Table> after;            ///< the table after each transaction
  Position floor{1, Lsn{0}, UINT64_MAX};
  std::optional<CopyHandover> handover;

  std::size_t first_end() const { return first_end_; }

 private:
  static LayoutColumn column(std::int16_t attnum, const std::string& name, const std::string& type) {
    LayoutColumn made;
    made.attnum = attnum;
    made.name = name;
    made.type = type;
    made.source_type = "text";
    return made;
  }

  Value random_value(const std::string& name) {
    if (random_.chance(1, 5)) return std::nullopt;
    const std::string number = std::to_string(random_.below(4));
    if (name == "J") return random_.chance(1, 6) ? nlohmann::json(nullptr) : nlohmann::json{{"n", number}, {"it's", "\\\""}};
    if (name == "N") return nlohmann::json(number + ".50");
    return nlohmann::json(name + number);
  }
  Row random_row(int group, const std::string& id) {
    Row row = {{"G", nlohmann::json(group)}, {"ID", nlohmann::json(id)}};
    for (const char* name : {"A", "J", "N", "C"}) row[name] = random_value(name);
    if (!born_) row["C"] = nlohmann::json("c0");
    return row;
  }

  std::map<std::string, nlohmann::json> spelt(const Row& row, const std::set<std::string>& absent) const {
    std::map<std::string, nlohmann::json> values;
    for (const auto& [name, value] : row) {
      if (value && !absent.contains(name) && (name != "C" || born_)) values[name] = *value;
    }
    return values;
  }
  std::optional<std::string> presence(const std::set<std::string>& absent) const {
    if (absent.empty()) return std::nullopt;
    std::string bits(born_ ? 7 : 6, '0');  // attnum 4 was dropped
    for (const LayoutColumn& made : layout.columns) {
      if (static_cast<std::size_t>(made.attnum) <= bits.size() && !absent.contains(made.name)) bits[static_cast<std::size_t>(made.attnum) - 1] = '1';
    }
    return bits;
  }
  std::set<std::string> random_absent() {
    std::set<std::string> absent;
    if (options_.keyless || random_.chance(1, 2)) return absent;
    for (const char* name : {"A", "J", "N"}) {
      if (random_.chance(1, 2)) absent.insert(name);
    }
    if (born_ && random_.chance(1, 3)) absent.insert("C");
    return absent;
  }

  void write(char op, const Row& row, const std::set<std::string>& absent, const std::optional<Row>& old) {
    LogRow made;
    made.position = {1, Lsn{lsn_}, ordinal_++};
    made.op = op;
    made.xid = xid_;
    made.values = spelt(row, absent);
    made.present = presence(absent);
    if (old) made.old_key = nlohmann::json(spelt(*old, {}));
    log.push_back(std::move(made));
  }

  // Tables with a key ---------------------------------------------------------------------------------------------------

  void insert(int group, const std::string& id) {
    Row row = random_row(group, id);
    write('i', row, {}, std::nullopt);
    keyed_[{group, id}] = std::move(row);
  }
  void erase(int group, const std::string& id) {
    write('d', {{"G", nlohmann::json(group)}, {"ID", nlohmann::json(id)}}, {"A", "J", "N", "C", "-"}, std::nullopt);
    keyed_.erase({group, id});
  }
  /// `to` may be `id`. What is absent stays as it was.
  void update(int group, const std::string& id, const std::string& to) {
    const std::set<std::string> absent = random_absent();
    const Row old = keyed_.at({group, id});
    Row row = random_row(group, to);
    for (const std::string& name : absent) row[name] = old.at(name);
    if (!born_) row["C"] = old.at("C");
    const Row key = {{"G", nlohmann::json(group)}, {"ID", nlohmann::json(id)}};
    write('u', row, absent, to == id ? std::nullopt : std::optional<Row>(key));
    keyed_.erase({group, id});
    keyed_[{group, to}] = std::move(row);
  }
  std::string free_id(int group) {
    for (;;) {
      const std::string id = "k" + std::to_string(random_.below(9));
      if (!keyed_.contains({group, id})) return id;
    }
  }
  std::optional<std::string> taken_id(int group, const std::string& but = "") {
    std::vector<std::string> ids;
    for (const auto& [key, row] : keyed_) {
      if (key.first == group && key.second != but) ids.push_back(key.second);
    }
    if (ids.empty()) return std::nullopt;
    return ids[random_.below(ids.size())];
  }
  void keyed_step(int group) {
    const auto id = taken_id(group);
    std::size_t rows = 0;
    for (const auto& [key, row] : keyed_) rows += key.first == group ? 1 : 0;
    const std::uint64_t dice = random_.below(100);
    if (!id || (dice < 22 && rows < 6)) return insert(group, free_id(group));
    if (dice < 60) return update(group, *id, *id);
    if (dice < 70) return erase(group, *id);
    if (dice < 76) {
      erase(group, *id);
      return insert(group, *id);
    }
    if (dice < 86) return update(group, *id, free_id(group));
    if (dice < 95) return update(group, *id, *id);
    if (const auto other = taken_id(group, *id)) {  // two rows change keys, by way of a third one
      const std::string between = free_id(group);
      update(group, *id, between);
      update(group, *other, *id);
      if (random_.chance(1, 2)) update(group, between, between);
      update(group, between, *other);
    }
  }

  // Tables without one --------------------------------------------------------------------------------------------------

  void keyless_step(int group) {
    std::vector<std::size_t> own;
    for (std::size_t i = 0; i < keyless_.size(); ++i) {
      if (*keyless_[i].at("G") == group) own.push_back(i);
    }
    const std::uint64_t dice = random_.below(100);
    if (own.empty() || (dice < 45 && own.size() < 8)) {
      Row row = !own.empty() && random_.chance(1, 2) ? keyless_[own[0]] : random_row(group, "x");
      write('i', row, {}, std::nullopt);
      keyless_.push_back(std::move(row));
      return;
    }
    const std::size_t chosen = own[random_.below(own.size())];
    if (dice < 70) {
      write('d', keyless_[chosen], {}, std::nullopt);
      keyless_.erase(keyless_.begin() + static_cast<std::ptrdiff_t>(chosen));
      return;
    }
    Row row = random_.chance(1, 4) ? keyless_[own[0]] : random_row(group, "x");
    if (!born_) row["C"] = keyless_[chosen].at("C");
    write('u', row, {}, keyless_[chosen]);
    keyless_[chosen] = std::move(row);
  }

  // -------------------------------------------------------------------------------------------------------------------------

  void truncate() {
    LogRow made;
    made.position = {1, Lsn{lsn_}, ordinal_++};
    made.op = 't';
    made.xid = xid_;
    made.present = std::string(born_ ? 7 : 6, '0');
    log.push_back(std::move(made));
    keyed_.clear();
    keyless_.clear();
  }

  std::vector<Row> rows_now() const {
    std::vector<Row> rows = keyless_;
    for (const auto& [key, row] : keyed_) rows.push_back(row);
    return rows;
  }
  Table table_now() const {
    Table table;
    for (const Row& row : rows_now()) {
      auto& line = table.emplace_back();
      for (const LayoutColumn& made : layout.columns) {
        const Value& value = row.at(made.name);
        line.push_back(!value
                           ? std::nullopt
                           : std::optional<std::string>(made.type == "VARIANT" || !value->is_string() ? value->dump() : value->get<std::string>()));
      }
    }
    std::sort(table.begin(), table.end());
    return table;
  }

  void generate() {
    const auto total = static_cast<std::size_t>(options_.transactions);
    const std::size_t snapshot = options_.copied ? total / 4 + random_.below(total / 4) : 0;
    const std::size_t begin = options_.copied ? snapshot / 2 + random_.below(snapshot / 2) : 0;  // the log begins behind it
    const std::size_t limit = snapshot + random_.below(4);
    const std::size_t birth = options_.copied && random_.chance(1, 2) ? snapshot / 2 : total / 2 + random_.below(4);
    const Xid xmax = 1000 + 2 * snapshot + 1;
    if (options_.copied) handover = CopyHandover{{900, xmax, {}}, {}};
    for (std::size_t number = 1; number <= total; ++number) {
      lsn_ = number * 16;
      ordinal_ = random_.below(3);
      if (options_.copied && number > snapshot && random_.chance(1, 2) && handover->snapshot.in_progress.size() < snapshot) {
        xid_ = 1001 + 2 * handover->snapshot.in_progress.size();  // ran when the copy looked
        handover->snapshot.in_progress.push_back(xid_);
      } else {
        xid_ = number <= snapshot ? 1000 + 2 * number : xmax + number;
      }
      if (number == birth) {
        born_ = true;
        layout.columns[5].born = Position{1, Lsn{lsn_}, 0};
      }
      const std::size_t began = log.size();
      const std::uint64_t steps = 1 + random_.below(static_cast<std::uint64_t>(options_.groups));
      const std::uint64_t truncated = random_.chance(1, 25) ? random_.below(steps) : UINT64_MAX;
      for (std::uint64_t i = 0; i < steps; ++i) {
        const int group = static_cast<int>(random_.below(static_cast<std::uint64_t>(options_.groups)));
        options_.keyless ? keyless_step(group) : keyed_step(group);
        if (i == truncated) truncate();
      }
      if (log.size() == began) insert_something();
      ends.push_back(log.back().position);
      after.push_back(table_now());
      if (options_.copied && number == begin) {
        log.clear();
        floor = ends.back();
      }
      if (options_.copied && number == snapshot) {
        take_copy();
        first_end_ = number;
      }
      if (options_.copied && number == std::min(limit, total)) handover->limit = ends.back();
    }
    log.insert(log.begin(), copied.begin(), copied.end());
  }
  void insert_something() { options_.keyless ? keyless_step(0) : insert(0, "only" + std::to_string(lsn_)); }

  void take_copy() {
    const bool was_born = born_;
    born_ = true;  // a copy reads all columns
    std::uint64_t number = 0;
    for (const Row& row : rows_now()) {
      LogRow made;
      made.position = {1, Lsn{0}, number++};
      made.values = spelt(row, {});
      made.present = presence({"-"});
      copied.push_back(std::move(made));
    }
    born_ = was_born;
  }

  Options options_;
  SeededRandom random_;
  std::map<std::pair<int, std::string>, Row> keyed_;
  std::vector<Row> keyless_;
  bool born_ = false;
  std::uint64_t lsn_ = 0;
  std::uint64_t ordinal_ = 0;
  Xid xid_ = 0;
  std::size_t first_end_ = 0;
};

}  // namespace luge
