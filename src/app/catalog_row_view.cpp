#include "app/catalog_row_view.h"

#include <nlohmann/json.hpp>

#include "app/option_value.h"
#include "base/printable_text.h"
#include "service/catalog/catalog_options.h"
#include "service/catalog/secret_text.h"

namespace luge {

namespace {

using nlohmann::ordered_json;

ordered_json options_document(const std::string& options) {
  ordered_json out = ordered_json::object();
  const auto parsed = parse_options(options);
  if (!parsed) return out;
  for (const auto& [name, value] : *parsed) out[name] = shown_option(name, value);
  return out;
}

ordered_json known_position(Lsn lsn) { return lsn.is_zero() ? ordered_json() : ordered_json(to_string(lsn)); }

ordered_json status_document(const StatusRow& row) {
  ordered_json out{{"state", row.state},
                   {"reason", row.reason},
                   {"error", nullptr},
                   {"lsn",
                    {{"server", known_position(row.server)},
                     {"received", known_position(row.received)},
                     {"durable", known_position(row.durable)},
                     {"acknowledged", known_position(row.acknowledged)}}},
                   {"lag", {{"bytes", nullptr}, {"seconds", nullptr}}},
                   {"tables", row.tables},
                   {"quarantined", row.quarantined},
                   {"restarts", row.restarts},
                   {"owner", row.owner},
                   {"heartbeat_at", row.heartbeat_at},
                   {"heartbeat_age_seconds", static_cast<std::int64_t>(row.heartbeat_age_seconds)},
                   {"stale", is_stale(row)}};
  if (!row.error.empty()) out["error"] = {{"code", row.error_code}, {"what", row.error}, {"hint", row.hint}};
  if (row.lag_bytes) out["lag"]["bytes"] = *row.lag_bytes;
  if (row.lag_seconds) out["lag"]["seconds"] = *row.lag_seconds;
  return out;
}

/// Every line as printable_text(), the later ones with `indent`.
std::string printable_lines(std::string_view text, const std::string& indent) {
  std::string out;
  while (true) {
    const std::string_view line = first_line(text);
    out += (out.empty() ? "" : indent) + printable_text(line);
    if (line.size() == text.size()) return out;
    text.remove_prefix(line.size() + 1);
    out += '\n';
  }
}

ordered_json fields_of_row(const SourceRow& row) {
  return {{"name", row.name}, {"conninfo", shown_conninfo(row.conninfo)}, {"options", options_document(row.options)}};
}

ordered_json fields_of_row(const DestinationRow& row) {
  return {{"name", row.name}, {"address", row.address}, {"options", options_document(row.options)}};
}

ordered_json fields_of_row(const PipelineRow& row, const StatusRow* status) {
  ordered_json out{{"name", row.name},
                   {"source", row.source},
                   {"destination", row.destination},
                   {"publication", row.publication},
                   {"tables", row.tables},
                   {"mode", row.mode},
                   {"batch_max_size", nullptr},
                   {"batch_max_fill_ms", nullptr},
                   {"desired", row.desired},
                   {"options", options_document(row.options)},
                   {"status", nullptr}};
  if (row.batch_max_size) out["batch_max_size"] = *row.batch_max_size;
  if (row.batch_max_fill_ms) out["batch_max_fill_ms"] = *row.batch_max_fill_ms;
  if (status != nullptr) out["status"] = status_document(*status);
  return out;
}

std::string lines_of_fields(const ordered_json& fields, const std::string& indent = "") {
  std::string out;
  for (const auto& [name, value] : fields.items()) {
    const std::string* const text = value.get_ptr<const std::string*>();
    if (value.is_null() || (text != nullptr && text->empty()) || (value.is_object() && value.empty())) continue;
    out += indent + printable_text(name) + ":";
    if (value.is_object()) {
      out += "\n" + lines_of_fields(value, indent + "  ");
    } else {
      out += " " + (text != nullptr ? printable_lines(*text, indent + "  ") : value.dump()) + "\n";
    }
  }
  return out;
}

std::string dumped(const ordered_json& fields) { return fields.dump(-1, ' ', false, ordered_json::error_handler_t::replace); }

}  // namespace

std::string document_of(const SourceRow& row) { return dumped(fields_of_row(row)); }
std::string document_of(const DestinationRow& row) { return dumped(fields_of_row(row)); }
std::string document_of(const PipelineRow& row, const StatusRow* status) { return dumped(fields_of_row(row, status)); }

std::string field_lines(const SourceRow& row) { return lines_of_fields(fields_of_row(row)); }
std::string field_lines(const DestinationRow& row) { return lines_of_fields(fields_of_row(row)); }
std::string field_lines(const PipelineRow& row, const StatusRow* status) {
  ordered_json fields = fields_of_row(row, status);
  if (status != nullptr) fields["status"]["state"] = state_text(status);
  return lines_of_fields(fields);
}

bool is_stale(const StatusRow& status) { return status.heartbeat_age_seconds > kStatusStaleAfterSeconds; }

std::string state_text(const StatusRow* status) {
  if (status == nullptr) return "no luge serve has seen it";
  if (!is_stale(*status)) return status->state;
  return "unknown (last heard of " + format_duration(Duration(static_cast<std::int64_t>(status->heartbeat_age_seconds) * 1'000'000)) + " ago)";
}

std::string what_is_wrong(const PipelineRow& row, const StatusRow* status, const CatalogContents& contents) {
  if (status == nullptr) return "";
  std::string out(first_line(status->error));
  if (out.size() < status->error.size()) out += " …";
  if (status->quarantined == 0) return out;
  out += (out.empty() ? "" : "; ") + std::to_string(status->quarantined) + (status->quarantined == 1 ? " table" : " tables") + " quarantined";
  const auto destination = contents.destinations.find(row.destination);
  if (destination != contents.destinations.end())
    out += ": luge status --to " + destination->second.address + " --pipeline " + row.name + " says which";
  return out;
}

}  // namespace luge
