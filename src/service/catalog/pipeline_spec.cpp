#include "service/catalog/pipeline_spec.h"

#include <algorithm>
#include <cctype>
#include <set>
#include <utility>

namespace luge {

namespace {

constexpr std::size_t kLongestPipelineName = 50;  // luge_<name> is the slot's name too, of 63 bytes at most
constexpr std::size_t kLongestRowName = 63;
constexpr std::size_t kLongestShownWord = 40;
constexpr std::int64_t kMostRows = 10'000'000;
constexpr std::int64_t kMostFillMs = 3'600'000;

Error bad(std::string_view code, std::string what, std::string hint) {
  Error error = fatal(code, std::move(what), std::move(hint));
  error.exit_code = ExitCode::usage;
  return error;
}

Status check_length(std::string_view text, std::string_view field) {
  if (text.size() <= kLongestCatalogText) return ok();
  return bad("too_long", std::string(field) + " is longer than 64 KiB", "write a shorter one");
}

Result<std::optional<std::uint64_t>> number(const std::optional<std::int64_t>& value, std::int64_t most, const std::string& field) {
  if (!value) return std::optional<std::uint64_t>();
  if (*value >= 1 && *value <= most) return std::optional<std::uint64_t>(static_cast<std::uint64_t>(*value));
  return bad("bad_number", field + " " + std::to_string(*value) + " is out of range", "1 to " + std::to_string(most) + ", or NULL for the default");
}

Status check_publication(const std::string& name) {
  const bool control = std::ranges::any_of(name, [](char c) { return static_cast<unsigned char>(c) < 0x20; });
  if (name.size() <= 63 && !control) return ok();
  return bad("bad_publication", "publication is no name of a publication", "at most 63 bytes, without control characters; empty: luge makes its own");
}

/// Says in which row it was.
Error in_row(Error error, RowKind kind, std::string_view name) {
  error.what = std::string(to_string(kind)) + " " + shown_word(name) + ": " + error.what;
  return error;
}

Status read_source(const SourceRow& row, PipelineSpec& spec) {
  const auto read = [&]() -> Status {
    CHECK_OK(check_row_name(RowKind::source, row.name));
    CHECK_OK(check_length(row.conninfo, "conninfo"));
    if (row.conninfo.empty()) return bad("bad_conninfo", "conninfo is empty", "write postgres://user@host/database");
    CHECK_OK(refuse_plain_conninfo(row.conninfo));
    TRY(spec.source_options, parse_options(row.options));
    return refuse_plain_options(spec.source_options);
  };
  if (Status checked = read(); !checked) return in_row(std::move(checked).error(), RowKind::source, row.name);
  spec.conninfo = row.conninfo;
  return ok();
}

Status read_destination(const DestinationRow& row, PipelineSpec& spec) {
  const auto read = [&]() -> Status {
    CHECK_OK(check_row_name(RowKind::destination, row.name));
    CHECK_OK(check_length(row.address, "address"));
    if (row.address.empty()) return bad("bad_address", "address is empty", "write duckdb:PATH, parquet:DIR or snowflake:");
    TRY(spec.destination_options, parse_options(row.options));
    return refuse_plain_options(spec.destination_options);
  };
  if (Status checked = read(); !checked) return in_row(std::move(checked).error(), RowKind::destination, row.name);
  spec.address = row.address;
  return ok();
}

template <class Map>
Error unknown_row(std::string_view code, std::string_view kind, const std::string& name, const Map& rows) {
  std::string known;
  for (const auto& [other, row] : rows) {
    if (known.size() > 200) break;
    if (other.size() <= kLongestRowName) known += (known.empty() ? "" : ", ") + other;
  }
  return bad(code, "there is no " + std::string(kind) + " " + shown_word(name),
             known.empty() ? "luge " + std::string(kind) + " add NAME" : "there are: " + known);
}

void note_change(std::string& out, bool changed, std::string_view field) {
  if (changed) out.append(out.empty() ? "" : ", ").append(field);
}

void note_changes(std::string& out, const OptionMap& before, const OptionMap& after, const std::string& prefix) {
  std::set<std::string> names;
  for (const auto& [name, value] : before) {
    const auto found = after.find(name);
    if (found == after.end() || found->second != value) names.insert(name);
  }
  for (const auto& [name, value] : after) {
    if (!before.contains(name)) names.insert(name);
  }
  for (const std::string& name : names) note_change(out, true, prefix + name);
}

/// A file has one writer. Asked of edits only: a row that somebody wrote by SQL must not stop the pipeline that was there before.
Status refuse_second_writer(const PipelineRow& row, const CatalogContents& contents) {
  const auto own = contents.destinations.find(row.destination);
  if (own == contents.destinations.end()) return ok();
  const std::string& address = own->second.address;
  if (!address.starts_with("duckdb:") && !address.starts_with("parquet:")) return ok();
  if (const auto start = wants_start(row); !start || !*start) return ok();
  for (const auto& [name, other] : contents.pipelines) {
    if (name == row.name) continue;
    const auto destination = contents.destinations.find(other.destination);
    if (destination == contents.destinations.end() || destination->second.address != address) continue;
    if (const auto start = wants_start(other); !start || !*start) continue;
    return bad("destination_taken", "the pipeline " + name + " writes to " + shown_word(address) + " already, and such a destination has one writer",
               "give this pipeline a destination of its own, or widen the tables of the other");
  }
  return ok();
}

}  // namespace

std::string shown_word(std::string_view text) {
  std::string out = "'";
  for (const char c : text.substr(0, kLongestShownWord)) out += c >= 0x20 && c < 0x7f ? c : '?';
  return out + (text.size() > kLongestShownWord ? "…'" : "'");
}

Status check_row_name(RowKind kind, std::string_view name) {
  const bool pipeline = kind == RowKind::pipeline;
  const auto allowed = [pipeline](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || (!pipeline && c == '-'); };
  const bool starts_well = !name.empty() && name.front() >= 'a' && name.front() <= 'z';
  if (starts_well && name.size() <= (pipeline ? kLongestPipelineName : kLongestRowName) && std::ranges::all_of(name, allowed)) return ok();
  return bad("bad_name", "the name of the " + std::string(to_string(kind)) + (pipeline ? " cannot be part of a slot's name" : " is not a plain word"),
             pipeline ? "use a-z, 0-9 and _, at most 50 characters, a letter first" : "use a-z, 0-9, _ and -, at most 63 characters, a letter first");
}

Result<bool> wants_start(const PipelineRow& row) {
  std::string word = row.desired.substr(0, kLongestShownWord + 1);
  std::ranges::transform(word, word.begin(), [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  if (word == "START") return true;
  if (word == "PAUSE") return false;
  return bad("bad_desired", "desired is " + shown_word(row.desired), "write START or PAUSE");
}

Result<PipelineSpec> read_spec(const PipelineRow& row, const CatalogContents& contents, const SpecRules& rules) {
  CHECK_OK(check_row_name(RowKind::pipeline, row.name));
  CHECK_OK(wants_start(row));
  const std::pair<std::string_view, const std::string*> texts[] = {
      {"source", &row.source}, {"destination", &row.destination}, {"publication", &row.publication}, {"tables", &row.tables},
      {"mode", &row.mode},     {"options", &row.options}};
  for (const auto& [field, text] : texts) CHECK_OK(check_length(*text, field));
  PipelineSpec spec;
  spec.name = row.name;
  spec.source = row.source;
  spec.destination = row.destination;
  CHECK_OK(check_publication(row.publication));
  spec.publication = row.publication;
  spec.tables = row.tables;
  if (row.mode != "mirror" && row.mode != "log") return bad("bad_mode", "mode is " + shown_word(row.mode), "write mirror or log");
  spec.mode = row.mode;
  TRY(spec.batch_max_size, number(row.batch_max_size, kMostRows, "batch_max_size"));
  TRY(spec.batch_max_fill_ms, number(row.batch_max_fill_ms, kMostFillMs, "batch_max_fill_ms"));
  TRY(spec.options, parse_options(row.options));
  CHECK_OK(refuse_plain_options(spec.options));

  const auto source = contents.sources.find(row.source);
  if (source == contents.sources.end()) return unknown_row("unknown_source", "source", row.source, contents.sources);
  CHECK_OK(read_source(source->second, spec));
  const auto destination = contents.destinations.find(row.destination);
  if (destination == contents.destinations.end()) return unknown_row("unknown_destination", "destination", row.destination, contents.destinations);
  CHECK_OK(read_destination(destination->second, spec));
  if (rules.check) CHECK_OK(rules.check(spec));
  return spec;
}

Result<PipelineSpec> resolve_secrets(PipelineSpec spec, const SecretResolver& secrets) {
  TRY(spec.conninfo, secrets.resolve_conninfo(spec.conninfo, conninfo_context(spec.source)));
  TRY(spec.address, secrets.expand(spec.address, "destination/" + spec.destination + "/address"));
  CHECK_OK(secrets.resolve_options(spec.source_options, RowKind::source, spec.source));
  CHECK_OK(secrets.resolve_options(spec.destination_options, RowKind::destination, spec.destination));
  CHECK_OK(secrets.resolve_options(spec.options, RowKind::pipeline, spec.name));
  return spec;
}

std::string changed_fields(const PipelineSpec& before, const PipelineSpec& after) {
  std::string out;
  note_change(out, before.source != after.source, "source");
  note_change(out, before.destination != after.destination, "destination");
  note_change(out, before.conninfo != after.conninfo, "source.conninfo");
  note_change(out, before.address != after.address, "destination.address");
  note_change(out, before.publication != after.publication, "publication");
  note_change(out, before.tables != after.tables, "tables");
  note_change(out, before.mode != after.mode, "mode");
  note_change(out, before.batch_max_size != after.batch_max_size, "batch_max_size");
  note_change(out, before.batch_max_fill_ms != after.batch_max_fill_ms, "batch_max_fill_ms");
  note_changes(out, before.options, after.options, "options.");
  note_changes(out, before.source_options, after.source_options, "source.options.");
  note_changes(out, before.destination_options, after.destination_options, "destination.options.");
  return out;
}

CatalogContents with_edits(CatalogContents contents, std::span<const CatalogEdit> edits) {
  for (const CatalogEdit& edit : edits) {
    if (const auto* source = std::get_if<SourceRow>(&edit)) contents.sources[source->name] = *source;
    if (const auto* destination = std::get_if<DestinationRow>(&edit)) contents.destinations[destination->name] = *destination;
    if (const auto* pipeline = std::get_if<PipelineRow>(&edit)) contents.pipelines[pipeline->name] = *pipeline;
    if (const auto* desired = std::get_if<SetDesired>(&edit)) {
      if (const auto found = contents.pipelines.find(desired->pipeline); found != contents.pipelines.end()) found->second.desired = desired->desired;
    }
    if (const auto* removed = std::get_if<RemoveRow>(&edit)) {
      if (removed->kind == RowKind::source) contents.sources.erase(removed->name);
      if (removed->kind == RowKind::destination) contents.destinations.erase(removed->name);
      if (removed->kind == RowKind::pipeline) contents.pipelines.erase(removed->name);
    }
  }
  return contents;
}

namespace {

Status check_pipeline(const PipelineRow& row, const CatalogContents& contents, const SpecRules& rules) {
  const auto spec = read_spec(row, contents, rules);
  return spec ? refuse_second_writer(row, contents) : Status(spec.error());
}

}  // namespace

Status check_edits(const CatalogContents& contents, std::span<const CatalogEdit> edits, const SpecRules& rules) {
  const CatalogContents after = with_edits(contents, edits);
  std::set<std::string> sources;
  std::set<std::string> destinations;
  std::set<std::string> pipelines;
  for (const CatalogEdit& edit : edits) {
    PipelineSpec unused;
    if (const auto* source = std::get_if<SourceRow>(&edit)) {
      CHECK_OK(read_source(*source, unused));
      sources.insert(source->name);
    } else if (const auto* destination = std::get_if<DestinationRow>(&edit)) {
      CHECK_OK(read_destination(*destination, unused));
      destinations.insert(destination->name);
    } else if (const auto* pipeline = std::get_if<PipelineRow>(&edit)) {
      pipelines.insert(pipeline->name);
    } else if (const auto* desired = std::get_if<SetDesired>(&edit)) {
      const auto found = after.pipelines.find(desired->pipeline);
      if (found == after.pipelines.end()) continue;  // edit() says so
      TRY(const bool start, wants_start(found->second));
      if (start) pipelines.insert(desired->pipeline);  // pausing is possible whatever is wrong with the row
    }
  }
  for (const auto& [name, row] : after.pipelines) {
    if (!pipelines.contains(name) && !sources.contains(row.source) && !destinations.contains(row.destination)) continue;
    const Status good = check_pipeline(row, after, rules);
    if (good) continue;
    // What was wrong with a pipeline before must not keep its source from being edited.
    const auto before = contents.pipelines.find(name);
    if (!pipelines.contains(name) && before != contents.pipelines.end() && !check_pipeline(before->second, contents, rules)) continue;
    return in_row(good.error(), RowKind::pipeline, name);
  }
  return ok();
}

}  // namespace luge
