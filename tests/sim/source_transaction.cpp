#include "sim/source_transaction.h"

#include <algorithm>

namespace luge {

bool Change::published() const {
  return kind != Kind::alter && std::any_of(targets.begin(), targets.end(), [](const Target& target) { return target.published; });
}

bool Change::touches(RelationOid oid) const {
  return std::any_of(targets.begin(), targets.end(), [&](const Target& target) { return target.def->oid == oid; });
}

bool SourceTransaction::has_published() const {
  return std::any_of(changes.begin(), changes.end(), [](const Change& change) { return !change.rolled_back && change.published(); });
}

bool SourceTransaction::has_published(RelationOid oid) const {
  return std::any_of(changes.begin(), changes.end(), [&](const Change& change) {
    return !change.rolled_back && change.kind != Change::Kind::alter &&
           std::any_of(change.targets.begin(), change.targets.end(),
                       [&](const Change::Target& target) { return target.published && target.def->oid == oid; });
  });
}

namespace {

// Rows of before an ALTER read the new column as its constant default, and a dropped one not at all.
void alter(TableVersion& table, const TableDefPtr& def) {
  table.shapes.push_back(def);
  for (auto& [id, row] : table.rows) {
    auto changed = std::make_shared<Values>(*row);
    for (const SimColumn& column : def->columns) {
      const auto index = static_cast<std::size_t>(column.attnum - 1);
      if (index >= changed->size()) changed->push_back(column.missing);
      if (column.dropped) (*changed)[index].reset();
    }
    row = std::move(changed);
  }
}

}  // namespace

void apply_change(const Change& change, TableMap& tables) {
  for (const Change::Target& target : change.targets) {
    TableVersion& table = tables[target.def->oid];
    switch (change.kind) {
      case Change::Kind::insert:
      case Change::Kind::update: table.rows[change.row] = change.after; break;
      case Change::Kind::remove: table.rows.erase(change.row); break;
      case Change::Kind::truncate: table.rows.clear(); continue;  // the stream describes the table, but luge needs no shape for it
      case Change::Kind::alter: alter(table, target.def); continue;
    }
    if (target.published) table.last_streamed = table.shapes.size() - 1;
  }
}

}  // namespace luge
