#include "app/verify/comparison_sql.h"

#include <algorithm>

#include "app/verify/canonical_sql.h"
#include "destination/snowflake/ddl/identifier.h"
#include "postgres/sql_quoting.h"

namespace luge {

namespace {

std::string joined(const std::vector<std::string>& parts, std::string_view separator) {
  std::string out;
  for (const std::string& part : parts) out += (out.empty() ? "" : std::string(separator)) + part;
  return out;
}

}  // namespace

bool ComparedTable::keyless() const {
  return std::ranges::none_of(columns, [](const ComparedColumn& column) { return column.in_key; });
}

ComparisonSql::ComparisonSql(const ComparedTable& table, Side side) : side_(side), mirror_(table.mirror) {
  const bool source = side == Side::source;
  const bool snowflake = !source && table.mirror == MirrorKind::snowflake;
  const std::string_view bytes_of = source || snowflake ? kSourceBytes : kMirrorBytes;
  std::vector<std::string> canonical;
  std::vector<std::string> row;
  std::vector<std::string> key;
  std::vector<std::string> shown;
  for (std::size_t i = 0; i < table.columns.size(); ++i) {
    const ComparedColumn& column = table.columns[i];
    const std::string name = "t." + quote_identifier(source ? column.source_name : column.mirror_name);
    const std::string alias = "c" + std::to_string(i);
    canonical.push_back((source      ? source_canonical(name, *column.type, column.value, table.mirror)
                         : snowflake ? snowflake_canonical(name, column.value)
                                     : mirror_canonical(name, column.value)) +
                        " AS " + alias);
    const std::string frame = framed("s." + alias, bytes_of);
    row.push_back(frame);
    if (!column.in_key) continue;
    key.push_back(frame);
    const std::string text = source ? "format('%s', " + name + ")" : snowflake ? "TO_VARCHAR(" + name + ")" : name + "::VARCHAR";
    const std::string label = column.source_name + "=";
    shown.push_back((snowflake ? snowflake_literal(label) : quote_literal(label)) + " || coalesce(" + text + ", 'NULL')");
  }
  if (row.empty()) row.emplace_back("''");  // a table without columns still has rows
  canonical.push_back((shown.empty() ? std::string("''") : joined(shown, " || ', ' || ")) + " AS p");
  std::string inner = "SELECT " + joined(canonical, ", ") + " FROM " + (source ? table.source_relation : table.mirror_relation) + " AS t";
  const std::string& filter = source ? table.source_filter : table.mirror_filter;
  if (!filter.empty()) inner += " WHERE " + filter;
  // OFFSET 0 keeps PostgreSQL from computing each text once for every place that uses it.
  const std::string fence = source ? " OFFSET 0" : "";
  if (snowflake) {  // its functions give the halves as numbers
    const std::string text = joined(row, " || ");
    const std::string key_text = key.empty() ? text : joined(key, " || ");
    hashed_ = "SELECT MD5(s.w) AS r, MD5(s.x) AS k, MD5_NUMBER_UPPER64(s.w) AS u, MD5_NUMBER_LOWER64(s.w) AS l, s.p AS p FROM (SELECT " + text +
              " AS w, " + key_text + " AS x, s.p AS p FROM (" + inner + ") AS s) AS s";
    return;
  }
  const std::string row_hash = "md5(" + joined(row, " || ") + ")";
  const std::string key_hash = key.empty() ? row_hash : "md5(" + joined(key, " || ") + ")";
  hashed_ = "SELECT " + key_hash + " AS k, " + row_hash + " AS r, s.p AS p FROM (" + inner + fence + ") AS s";
}

std::string ComparisonSql::hashed() const { return "(" + hashed_ + (side_ == Side::source ? " OFFSET 0" : "") + ") AS h"; }

namespace {

std::string sums(ComparisonSql::Side side, MirrorKind mirror) {
  if (side == ComparisonSql::Side::mirror && mirror == MirrorKind::snowflake)
    return "TO_VARCHAR(COUNT(*)), TO_VARCHAR(COALESCE(SUM(h.u), 0)), TO_VARCHAR(COALESCE(SUM(h.l), 0))";
  const auto half = [&](const char* first) {
    const std::string hex = std::string("substr(h.r, ") + first + ", 16)";
    return side == ComparisonSql::Side::source ? "('x' || " + hex + ")::bit(64)::bigint" : "('0x' || " + hex + ")::UBIGINT";
  };
  const std::string text = side == ComparisonSql::Side::source ? "::text" : "::VARCHAR";
  return "count(*)" + text + ", coalesce(sum(" + half("1") + "), 0)" + text + ", coalesce(sum(" + half("17") + "), 0)" + text;
}

std::string bucket(unsigned digits) { return "substr(h.k, 1, " + std::to_string(digits) + ")"; }

}  // namespace

std::string ComparisonSql::totals() const { return "SELECT " + sums(side_, mirror_) + " FROM " + hashed(); }

std::string ComparisonSql::buckets(unsigned digits) const {
  return "SELECT " + bucket(digits) + ", " + sums(side_, mirror_) + " FROM " + hashed() + " GROUP BY 1";
}

std::string ComparisonSql::rows(const std::vector<std::string>& buckets) const {
  std::vector<std::string> literals;
  for (const std::string& one : buckets) literals.push_back(quote_literal(one));
  const auto digits = static_cast<unsigned>(buckets.empty() ? 1 : buckets.front().size());
  return "SELECT h.k, h.r, h.p FROM " + hashed() + " WHERE " + bucket(digits) + " IN (" + joined(literals, ", ") + ")";
}

}  // namespace luge
