#include "app/driver_options.h"

#include <algorithm>

#include "app/destination_registry.h"

namespace luge {

namespace {

DriverOptions::Binary binary_of(const std::string& text) {
  if (text == "on") return DriverOptions::Binary::on;
  return text == "off" ? DriverOptions::Binary::off : DriverOptions::Binary::automatic;
}

DriverOptions::Until until_of(const std::string& text) {
  using Kind = DriverOptions::Until::Kind;
  if (text.empty()) return {};
  if (text == "caught-up") return {Kind::caught_up, {}};
  return {Kind::lsn, Lsn::parse(text).value_or(Lsn{})};
}

}  // namespace

std::string options_fingerprint(const Options& options) { return options.mode + "|" + options.tables + "|" + options.columns.fingerprint(); }

DriverOptions make_driver_options(const Options& options, const PipelinePlaces& places, const std::optional<TableSelection>& selection,
                                  ConnectionOptions source) {
  const MemoryShares shares = share_memory(options.memory_limit, places.destination.kind);
  DriverOptions driver;
  driver.pipeline = options.pipeline;
  driver.source = std::move(source);
  if (selection) {
    driver.wants = [selection = *selection](const TableName& name) { return selection.includes(name); };
    driver.options_fingerprint = options_fingerprint(options);
  }
  driver.fixed_tables = !selection;
  driver.allow_no_identity = options.allow_no_identity;
  driver.memory_limit_bytes = shares.pipeline;
  driver.log_mode = options.mode == "log";
  driver.on_gap = options.on_gap == "resync" ? DriverOptions::OnGap::resync : DriverOptions::OnGap::stop;
  driver.on_retype = options.on_retype == "resync" ? DriverOptions::OnRetype::resync : DriverOptions::OnRetype::stop;
  driver.streaming = options.streaming;
  driver.binary = binary_of(options.binary);
  driver.copy_connections = static_cast<std::uint32_t>(options.copy_connections);
  driver.parallel_copies = static_cast<std::uint32_t>(options.parallel_copies);
  driver.until = until_of(options.until);
  driver.destination_name = places.destination.text();

  PipelineOptions& pipeline = driver.pipeline_options;
  pipeline.batch_max_size = options.batch_max_size;
  pipeline.batch_max_fill = options.batch_max_fill;
  // One batch is built while another is applied.
  pipeline.batch_max_bytes = std::min<std::uint64_t>(options.batch_max_bytes, shares.pipeline / 2);
  pipeline.spool.directory = places.directory;
  pipeline.spool.memory_bytes = std::min<std::size_t>(pipeline.spool.memory_bytes, shares.pipeline / 3);
  pipeline.columns = [rules = options.columns](const TableName& table, const std::string& column, const PgType& type) {
    return rules.lookup(table, column, type);
  };
  pipeline.hold_on_quarantine = options.on_quarantine == "hold";
  pipeline.max_parallel_copies = driver.parallel_copies;
  return driver;
}

}  // namespace luge
