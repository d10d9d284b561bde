#pragma once
#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "destination/duckdb/mirror_test_support.h"

namespace luge::mirror_test {

/// Reads a log in the order of its positions, as a user would, into the rows that the table must have.
class LogReplay {
 public:
  /// `attnums` belong to `columns`; `keys`: how many of them, from the first on, identify a row (0: keyless).
  LogReplay(std::vector<std::int16_t> attnums, std::size_t keys) : attnums_(std::move(attnums)), keys_(keys) {}

  /// Of SELECT _luge_op, _luge_epoch, _luge_lsn, _luge_ordinal, _luge_present, columns… in the order that statement() asks for.
  static std::string statement(const std::string& log, const std::string& columns) {
    return "SELECT _luge_op, _luge_epoch, _luge_lsn, _luge_ordinal, _luge_present, " + columns + " FROM " + log +
           " ORDER BY _luge_epoch, _luge_lsn, _luge_ordinal, _luge_op";
  }

  void read(const std::vector<std::string>& lines) {
    for (const std::string& line : lines) take(fields(line));
  }

  /// Sorted; values joined by |.
  std::vector<std::string> rows() const {
    std::vector<std::string> out;
    for (const auto& row : rows_) {
      std::string line;
      for (const std::string& value : row) line += (line.empty() ? "" : "|") + value;
      out.push_back(line);
    }
    std::sort(out.begin(), out.end());
    return out;
  }

 private:
  using Row = std::vector<std::string>;

  static Row fields(const std::string& line) {
    Row out(1);
    for (const char c : line) {
      if (c == '|') {
        out.emplace_back();
      } else {
        out.back() += c;
      }
    }
    return out;
  }

  void take(const Row& fields) {
    const std::string& op = fields[0];
    const std::vector<std::uint64_t> position{std::stoull(fields[1]), std::stoull(fields[2]), std::stoull(fields[3])};
    const std::string& present = fields[4];
    const Row row(fields.begin() + 5, fields.end());
    const bool twin = position == last_ && op == "u" && last_op_ == "d";
    EXPECT_TRUE(twin || last_.empty() || position > last_) << "two rows of the log have one position";
    last_ = position;
    last_op_ = op;
    if (op == "t") {
      rows_.clear();
    } else if (op == "i") {
      EXPECT_TRUE(keys_ == 0 || find(row) == rows_.end()) << "an insert finds its key taken";
      rows_.push_back(row);
    } else if (op == "d") {
      const auto found = find(row);
      ASSERT_NE(found, rows_.end()) << "a delete finds no row";
      removed_ = *found;
      rows_.erase(found);
    } else {
      if (!twin) {
        const auto found = find(row);
        ASSERT_NE(found, rows_.end()) << "an update finds no row";
        removed_ = *found;
        rows_.erase(found);
      }
      Row next = row;
      for (std::size_t c = 0; c < row.size(); ++c) {
        const auto at = static_cast<std::size_t>(attnums_[c]) - 1;
        if (present != "NULL" && at < present.size() && present[at] == '0') next[c] = removed_[c];
      }
      rows_.push_back(next);
    }
  }

  std::vector<Row>::iterator find(const Row& row) {
    const auto width = static_cast<std::ptrdiff_t>(keys_ == 0 ? row.size() : keys_);
    return std::find_if(rows_.begin(), rows_.end(), [&](const Row& other) { return std::equal(row.begin(), row.begin() + width, other.begin()); });
  }

  const std::vector<std::int16_t> attnums_;
  const std::size_t keys_;
  std::vector<Row> rows_;
  Row removed_;
  std::vector<std::uint64_t> last_;
  std::string last_op_;
};

}  // namespace luge::mirror_test
