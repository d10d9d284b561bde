#include "pipeline/misfit_quarantine.h"

namespace luge {

namespace {

std::string where(const TableName& table, const Misfit& misfit, const Position& position) {
  std::string text;
  if (!misfit.column.empty()) text = "column " + misfit.column + " of type " + misfit.type + " of ";
  text += "table " + to_string(table);
  if (!position.commit_lsn.is_zero()) text += " at " + to_string(position.commit_lsn);
  return text;
}

std::string fix_for(const TableName& table, const Misfit& misfit) {
  const std::string resync = "luge resync " + to_string(table);
  if (misfit.code == "no_identity") {
    return "ALTER TABLE " + to_string(table) +
           " REPLICA IDENTITY FULL; (of a partitioned table on each partition too), or give it a primary key, then " + resync;
  }
  if (misfit.code != "misfit") return resync;
  if (misfit.fits_text) {
    return "set `columns: {\"" + table.schema + "." + table.table + "." + misfit.column + "\": {as: text}}` in the configuration, then " + resync;
  }
  return "correct the value in the source (as text it does not fit either) or leave the table out with --tables, then " + resync;
}

}  // namespace

Quarantine quarantine_of(const TableName& table, const Misfit& misfit, const Position& position) {
  Quarantine why;
  why.code = misfit.code;
  why.column = misfit.column;
  why.type = misfit.type;
  why.position = position;
  why.reason =
      where(table, misfit, position) + (misfit.code == "misfit" ? " has a value its destination column cannot hold exactly: " : ": ") + misfit.reason;
  why.fix = fix_for(table, misfit);
  return why;
}

}  // namespace luge
