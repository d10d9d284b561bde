#pragma once
#include <string>
#include <string_view>

#include "base/result.h"

namespace luge {

/// What --to says: duckdb:PATH, parquet:DIR, snowflake:, null:.
struct DestinationName {
  enum class Kind : char { duckdb, parquet, snowflake, null };
  Kind kind = Kind::null;
  std::string path;  ///< duckdb, parquet: absolute, without . and .. and with symbolic links followed as far as it exists

  /// "duckdb:/data/shop.duckdb".
  std::string text() const;
};

/// Usage errors name what is possible.
Result<DestinationName> parse_destination_name(std::string_view text);

}  // namespace luge
