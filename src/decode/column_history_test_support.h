#pragma once
#include <algorithm>
#include <gtest/gtest.h>
#include <memory>
#include <string>
#include <vector>

#include "decode/column_alignment.h"

namespace luge {

inline std::shared_ptr<const PgType> type_of(Oid oid) {
  PgType type;
  type.oid = oid;
  return std::make_shared<const PgType>(type);
}

// A table that lives through DDL, and what PostgreSQL would say of it at any moment.
class History {
 public:
  struct Column {
    std::int16_t attnum;
    std::string name;
    Oid type;
    bool dropped = false;
  };

  History& add(std::string name, Oid type = pg_oid::kInt4) {
    columns_.push_back({static_cast<std::int16_t>(columns_.size() + 1), std::move(name), type});
    return *this;
  }
  History& drop(const std::string& name) {
    at(name).dropped = true;
    return *this;
  }
  History& rename(const std::string& from, std::string to) {
    at(from).name = std::move(to);
    return *this;
  }
  History& retype(const std::string& name, Oid type) {
    at(name).type = type;
    return *this;
  }
  bool has(const std::string& name) const {
    return std::any_of(columns_.begin(), columns_.end(), [&](const Column& column) { return !column.dropped && column.name == name; });
  }
  std::vector<std::string> names() const {
    std::vector<std::string> names;
    for (const Column& column : columns_) {
      if (!column.dropped) names.push_back(column.name);
    }
    return names;
  }

  RelationMessage message() const {
    RelationMessage message;
    for (const Column& column : columns_) {
      if (!column.dropped) message.columns.push_back({column.name, column.type, -1, false});
    }
    return message;
  }
  CatalogTable catalog() const {
    CatalogTable table;
    for (const Column& column : columns_) {
      CatalogColumn& out = table.columns.emplace_back();
      out.attnum = column.attnum;
      out.name = column.dropped ? "........pg.dropped." + std::to_string(column.attnum) + "........" : column.name;
      out.dropped = column.dropped;
      if (!column.dropped) out.type = type_of(column.type);
    }
    return table;
  }
  /// As it is stored; before it kept the newest attnum if not `newest_known`.
  TableSchema schema(bool newest_known = true) const {
    TableSchema schema;
    if (newest_known) schema.newest_attnum = static_cast<std::int16_t>(columns_.size());
    for (const Column& column : columns_) {
      if (column.dropped) continue;
      ColumnSchema& out = schema.columns.emplace_back();
      out.attnum = column.attnum;
      out.name = column.name;
      out.type = type_of(column.type);
    }
    return schema;
  }
  std::vector<std::int16_t> attnums() const {
    std::vector<std::int16_t> attnums;
    for (const Column& column : columns_) {
      if (!column.dropped) attnums.push_back(column.attnum);
    }
    return attnums;
  }

 private:
  Column& at(const std::string& name) {
    return *std::find_if(columns_.begin(), columns_.end(), [&](const Column& column) { return !column.dropped && column.name == name; });
  }
  std::vector<Column> columns_;
};

using Attnums = std::vector<std::int16_t>;

inline const History kTable = History().add("id").add("a").add("b", pg_oid::kText);

// The message as of `then`, with the catalog as of `now`.
inline ColumnAlignment align(const History& then, const History& now, const History* before = nullptr, bool newest_known = true,
                             CatalogAge age = CatalogAge::may_be_behind) {
  const TableSchema previous = before == nullptr ? TableSchema{} : before->schema(newest_known);
  return align_columns(then.message(), now.catalog(), before == nullptr ? nullptr : &previous, age);
}

#define EXPECT_ALIGNED(alignment, ...)                  \
  do {                                                  \
    const ColumnAlignment got = (alignment);            \
    EXPECT_EQ(got.kind, ColumnAlignment::Kind::unique); \
    EXPECT_EQ(got.attnums, (Attnums{__VA_ARGS__}));     \
  } while (false)

}  // namespace luge
