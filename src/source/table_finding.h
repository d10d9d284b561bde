#pragma once
#include <string>

#include "model/table_schema.h"

namespace luge {

/// Something about a table that its owner should know before it is followed.
struct TableFinding {
  enum class Kind : char {
    no_identity,         ///< publishing it makes the application's UPDATE and DELETE fail
    generated_identity,  ///< a generated column, which is not published, is part of its identity: the same, or its rows cannot be told apart
    not_logged,          ///< unlogged or foreign: no WAL, so it cannot be followed
    not_readable,        ///< this role may not SELECT from it: no initial copy
    row_security,        ///< RLS hides rows from this role: the copy would not equal the stream
  };
  Kind kind = Kind::no_identity;
  RelationOid oid = 0;  ///< 0: not_logged
  TableName table;
  std::string what;     ///< one sentence
  std::string fix;      ///< SQL
};

}  // namespace luge
