#include "app/verify/table_comparison.h"

#include <algorithm>
#include <map>
#include <stop_token>
#include <thread>
#include <vector>

#include "postgres/cancel_on_stop.h"

namespace luge {

namespace {

constexpr std::size_t kMostBuckets = 16;        ///< whose rows are fetched
constexpr std::uint64_t kRowsPerBucket = 4096;  ///< aimed at

using Row = std::vector<std::string>;
using Rows = std::vector<Row>;

Result<Rows> ask_source(Connection& source, const std::string& sql) {
  TRY(const QueryResult found, source.query(sql));
  Rows rows(found.rows());
  for (std::size_t row = 0; row < found.rows(); ++row) {
    for (std::size_t column = 0; column < found.columns(); ++column) rows[row].push_back(found.string(row, column));
  }
  return rows;
}

Result<Rows> ask_mirror(ReadHandle& mirror, const std::string& sql) {
  Rows rows;
  const Status ran = mirror.query(
      sql, [](const std::vector<std::string>&) {},
      [&](const ReadHandle::Row& row) {
        Row texts;
        for (const auto& value : row) texts.push_back(value.value_or(""));
        rows.push_back(std::move(texts));
      });
  if (!ran) return ran.error();
  return rows;
}

struct BothSides {
  Rows source;
  Rows mirror;
};

class Comparison {
 public:
  Comparison(Connection& source, ReadHandle& mirror, const ComparedTable& table)
      : source_(source),
        mirror_(mirror),
        table_(table),
        source_sql_(table, ComparisonSql::Side::source),
        mirror_sql_(table, ComparisonSql::Side::mirror) {}

  Status run(std::size_t keys, TableComparison& result) {
    TRY(const BothSides totals, ask(source_sql_.totals(), mirror_sql_.totals()));
    TRY(result.source, sum_at(totals.source.at(0), 0));
    TRY(result.mirror, sum_at(totals.mirror.at(0), 0));
    result.outcome = result.source == result.mirror ? TableComparison::Outcome::equal : TableComparison::Outcome::different;
    if (result.outcome == TableComparison::Outcome::equal) return ok();
    return localise(keys, result);
  }

 private:
  Result<BothSides> ask(const std::string& source_sql, const std::string& mirror_sql) {
    BothSides answers;
    Status mirror_ended = ok();
    Status source_ended = ok();
    {
      std::stop_source failed;
      const CancelOnStop cancel(source_, failed.get_token());  // the source need not answer a mirror that has ended
      std::jthread other([&] {
        auto rows = ask_mirror(mirror_, mirror_sql);
        if (rows) {
          answers.mirror = std::move(*rows);
        } else {
          mirror_ended = rows.error();
          failed.request_stop();
        }
      });
      auto rows = ask_source(source_, source_sql);
      if (rows) {
        answers.source = std::move(*rows);
      } else {
        source_ended = rows.error();
        mirror_.cancel();
      }
    }
    // Whoever ended first had the other one cancelled.
    if (!source_ended && (mirror_ended || mirror_ended.error().code == "cancelled")) return source_ended.error();
    if (!mirror_ended) return mirror_ended.error();
    return answers;
  }

  static Result<HashSum> sum_at(const Row& row, std::size_t first) {
    const auto rows = wrap_decimal(row.at(first));
    const auto high = wrap_decimal(row.at(first + 1));
    const auto low = wrap_decimal(row.at(first + 2));
    if (!rows || !high || !low) return fatal("malformed", "a sum of hashes is not a number");
    return HashSum{*rows, *high, *low};
  }

  static Result<std::map<std::string, HashSum>> by_bucket(const Rows& rows) {
    std::map<std::string, HashSum> buckets;
    for (const Row& row : rows) {
      TRY(buckets[row.at(0)], sum_at(row, 1));
    }
    return buckets;
  }

  Status localise(std::size_t keys, TableComparison& result) {
    unsigned digits = 1;
    const std::uint64_t rows = std::max(result.source.rows, result.mirror.rows);
    for (std::uint64_t per_bucket = rows / 16; per_bucket > kRowsPerBucket && digits < 5; per_bucket /= 16) ++digits;
    TRY(const BothSides grouped, ask(source_sql_.buckets(digits), mirror_sql_.buckets(digits)));
    TRY(auto source, by_bucket(grouped.source));
    TRY(auto mirror, by_bucket(grouped.mirror));
    for (const auto& [bucket, sum] : source) mirror.try_emplace(bucket);
    std::vector<std::string> differing;
    for (const auto& [bucket, sum] : mirror) {
      const auto found = source.find(bucket);
      if (sum == (found == source.end() ? HashSum{} : found->second)) continue;
      if (differing.size() == kMostBuckets) {
        result.more = true;
        break;
      }
      differing.push_back(bucket);
    }
    TRY(const BothSides listed, ask(source_sql_.rows(differing), mirror_sql_.rows(differing)));
    name_differences(listed, keys, result);
    return ok();
  }

  /// Rows of both sides that are the same are taken away against each other; what is left differs.
  void name_differences(const BothSides& listed, std::size_t keys, TableComparison& result) const {
    struct Left {
      std::vector<const Row*> source;
      std::vector<const Row*> mirror;
    };
    std::map<std::string, Left> by_key;
    for (const Row& row : listed.source) by_key[row[0]].source.push_back(&row);
    for (const Row& row : listed.mirror) {
      Left& left = by_key[row[0]];
      const auto same = std::ranges::find_if(left.source, [&](const Row* other) { return (*other)[1] == row[1]; });
      if (same == left.source.end()) {
        left.mirror.push_back(&row);
      } else {
        left.source.erase(same);
      }
    }
    const auto name = [&](RowDifference::Kind kind, const Row& row) {
      if (result.differences.size() >= keys) {
        result.more = true;
        return;
      }
      result.differences.push_back({kind, table_.keyless() ? "row with hash " + row[1] : row[2]});
    };
    for (const auto& [key, left] : by_key) {
      const std::size_t both = std::min(left.source.size(), left.mirror.size());
      for (std::size_t i = 0; i < both; ++i) name(RowDifference::Kind::different, *left.source[i]);
      for (std::size_t i = both; i < left.source.size(); ++i) name(RowDifference::Kind::missing, *left.source[i]);
      for (std::size_t i = both; i < left.mirror.size(); ++i) name(RowDifference::Kind::extra, *left.mirror[i]);
    }
  }

  Connection& source_;
  ReadHandle& mirror_;
  const ComparedTable& table_;
  const ComparisonSql source_sql_;
  const ComparisonSql mirror_sql_;
};

}  // namespace

Status compare_table(Connection& source, ReadHandle& mirror, const ComparedTable& table, std::size_t keys, TableComparison& result) {
  return Comparison(source, mirror, table).run(keys, result);
}

}  // namespace luge
