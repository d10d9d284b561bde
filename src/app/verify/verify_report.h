#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "app/verify/hash_sum.h"
#include "base/result.h"
#include "model/lsn.h"
#include "model/table_schema.h"

namespace luge {

struct RowDifference {
  enum class Kind : char {
    missing,    ///< at the source, not in the mirror
    extra,      ///< in the mirror, not at the source
    different,  ///< both have the key, the other values differ
  };
  Kind kind = Kind::missing;
  std::string key;  ///< "id=5"; for a table without a key the hash of the row
};
std::string_view to_string(RowDifference::Kind kind);

struct TableComparison {
  enum class Outcome : char { equal, different, not_compared };
  TableName name;
  Outcome outcome = Outcome::not_compared;
  std::string note;     ///< why it was not compared, or what else is to be known
  HashSum source;
  HashSum mirror;
  std::vector<RowDifference> differences;
  bool more = false;    ///< there are more differences than were named
  double seconds = 0;
};

struct VerifyReport {
  Lsn lsn;              ///< both sides as of here
  double seconds = 0;
  std::vector<TableComparison> tables;

  /// 4: a difference; else 3: a table could not be compared; else 0.
  ExitCode exit_code() const;
};

/// docs/reference/verify.md
std::string to_json(const VerifyReport& report);
Result<VerifyReport> parse_verify_report(std::string_view json);
std::string to_text(const VerifyReport& report);

}  // namespace luge
