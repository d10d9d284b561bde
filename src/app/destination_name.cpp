#include "app/destination_name.h"

#include <array>
#include <filesystem>

#include "app/usage_error.h"

namespace luge {

namespace {

struct Scheme {
  DestinationName::Kind kind;
  std::string_view prefix;
  bool needs_path;
};
constexpr std::array kSchemes{Scheme{DestinationName::Kind::duckdb, "duckdb:", true}, Scheme{DestinationName::Kind::parquet, "parquet:", true},
                              Scheme{DestinationName::Kind::snowflake, "snowflake:", false}, Scheme{DestinationName::Kind::null, "null:", false}};

}  // namespace

std::string DestinationName::text() const {
  for (const Scheme& scheme : kSchemes) {
    if (scheme.kind == kind) return std::string(scheme.prefix) + path;
  }
  return path;
}

Result<DestinationName> parse_destination_name(std::string_view text) {
  if (text.empty()) return usage_error("--to is missing", "where should the changes go? For example --to duckdb:shop.duckdb");
  for (const Scheme& scheme : kSchemes) {
    if (!text.starts_with(scheme.prefix)) continue;
    const std::string_view rest = text.substr(scheme.prefix.size());
    if (scheme.needs_path && (rest.empty() || rest == ":memory:"))
      return usage_error("--to " + std::string(text) + ": a path is missing", "for example duckdb:shop.duckdb");
    if (!scheme.needs_path && !rest.empty()) return usage_error("--to " + std::string(text) + ": nothing may follow " + std::string(scheme.prefix));
    DestinationName name{scheme.kind, {}};
    if (scheme.needs_path) {
      std::error_code failure;
      const auto absolute = std::filesystem::absolute(rest, failure);
      const auto canonical = std::filesystem::weakly_canonical(absolute, failure);
      name.path = failure ? absolute.lexically_normal().string() : canonical.string();
    }
    return name;
  }
  const bool looks_like_file = text.ends_with(".duckdb") || text.ends_with(".db");
  return usage_error("--to " + std::string(text) + " is no destination",
                     looks_like_file ? "write duckdb:" + std::string(text) : "destinations: duckdb:PATH, parquet:DIR, snowflake:, null:");
}

}  // namespace luge
