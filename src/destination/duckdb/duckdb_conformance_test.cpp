#include <atomic>
#include <filesystem>

#include "conformance/destination_conformance.h"
#include "destination/duckdb/duckdb_destination.h"

namespace luge::conformance {
namespace {

std::string new_place() {
  std::string pattern = (std::filesystem::temp_directory_path() / "luge-conformance-XXXXXX").string();
  return ::mkdtemp(pattern.data());
}

std::string quoted(const std::string& name) { return "\"" + name + "\""; }

/// Everything but numbers' text is asked for in a form that other destinations can answer in.
std::string text(const ColumnSchema& column) {
  const std::string name = quoted(column.name);
  switch (column.value.kind) {
    case ValueKind::binary: return "hex(" + name + ")";
    case ValueKind::timestamp:
    case ValueKind::timestamp_tz: return "epoch_us(" + name + ")";
    case ValueKind::list: return "to_json(" + name + ")";
    default: return "CAST(" + name + " AS VARCHAR)";
  }
}

DestinationQuirks duckdb() {
  DestinationQuirks quirks;
  quirks.name = "duckdb";
  quirks.new_place = new_place;
  quirks.make = [](const std::string& place, Fence) {
    DuckdbOptions options;
    options.path = place + "/mirror.duckdb";
    return make_duckdb_destination(options);
  };
  quirks.exclusive = true;
  quirks.table = [](const std::string&, const TableName& name) { return quoted(name.schema) + "." + quoted(name.table); };
  quirks.text = text;
  return quirks;
}

INSTANTIATE_TEST_SUITE_P(Duckdb, DestinationConformance, testing::Values(duckdb()));

}  // namespace
}  // namespace luge::conformance
