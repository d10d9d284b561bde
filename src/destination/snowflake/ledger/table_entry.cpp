#include "destination/snowflake/ledger/table_entry.h"

#include <nlohmann/json.hpp>
#include <stdexcept>

#include "destination/snowflake/encode/offset_token.h"
#include "model/chunk_codec.h"

namespace luge {

namespace {

using Json = nlohmann::json;

constexpr int kVersion = 1;

Json positions(const std::vector<Position>& list) {
  Json json = Json::array();
  for (const Position& position : list) json.push_back(offset_token(position));
  return json;
}

Position position_of(const Json& json) {
  auto position = parse_offset_token(json.get<std::string>());
  if (!position) throw std::invalid_argument("a position is not one");
  return *position;
}

std::vector<Position> positions_of(const Json& json) {
  std::vector<Position> list;
  for (const Json& one : json) list.push_back(position_of(one));
  return list;
}

Json encode_layout(const TableLayout& layout) {
  Json columns = Json::array();
  for (const LayoutColumn& column : layout.columns) {
    Json json = {{"attnum", column.attnum}, {"name", column.name}, {"type", column.type}, {"key", column.key}, {"source_type", column.source_type}};
    if (column.missing) json["missing"] = *column.missing;
    if (column.missing_is_constant) json["constant"] = true;
    if (column.born) json["born"] = offset_token(*column.born);
    for (const auto& former : column.former_names) json["former"].push_back({{"name", former.name}, {"until", offset_token(former.until)}});
    columns.push_back(std::move(json));
  }
  return {{"schema", layout.place.schema},
          {"state", layout.place.state},
          {"log", layout.place.log},
          {"soft_delete", layout.soft_delete},
          {"columns", std::move(columns)}};
}

TableLayout decode_layout(const Json& json) {
  TableLayout layout;
  layout.place = {json.at("schema").get<std::string>(), json.at("state").get<std::string>(), json.at("log").get<std::string>()};
  layout.soft_delete = json.at("soft_delete").get<bool>();
  for (const Json& one : json.at("columns")) {
    LayoutColumn column;
    column.attnum = one.at("attnum").get<std::int16_t>();
    column.name = one.at("name").get<std::string>();
    column.type = one.at("type").get<std::string>();
    column.key = one.at("key").get<bool>();
    column.source_type = one.at("source_type").get<std::string>();
    if (one.contains("missing")) column.missing = one.at("missing").get<std::string>();
    column.missing_is_constant = one.value("constant", false);
    if (one.contains("born")) column.born = position_of(one.at("born"));
    if (one.contains("former")) {
      for (const Json& former : one.at("former"))
        column.former_names.push_back({former.at("name").get<std::string>(), position_of(former.at("until"))});
    }
    layout.columns.push_back(std::move(column));
  }
  return layout;
}

Json encode_fold(const FoldPlan& fold) {
  Json json = {{"active", fold.active},
               {"floor", offset_token(fold.floor)},
               {"limit", offset_token(fold.limit)},
               {"truncates", positions(fold.truncates)},
               {"lone_key_changes", positions(fold.lone_key_changes)}};
  if (fold.snapshot) json["snapshot"] = to_string(*fold.snapshot);
  if (fold.last) json["last"] = offset_token(*fold.last);
  return json;
}

FoldPlan decode_fold(const Json& json) {
  FoldPlan fold;
  fold.active = json.at("active").get<bool>();
  fold.floor = position_of(json.at("floor"));
  fold.limit = position_of(json.at("limit"));
  fold.truncates = positions_of(json.at("truncates"));
  fold.lone_key_changes = positions_of(json.at("lone_key_changes"));
  if (json.contains("last")) fold.last = position_of(json.at("last"));
  if (json.contains("snapshot")) fold.snapshot = Snapshot::parse(json.at("snapshot").get<std::string>());
  return fold;
}

Json encode_quarantine(const Quarantine& why) {
  return {{"code", why.code}, {"reason", why.reason}, {"column", why.column}, {"type", why.type}, {"position", offset_token(why.position)},
          {"fix", why.fix}};
}

Quarantine decode_quarantine(const Json& json) {
  return {json.at("code").get<std::string>(), json.at("reason").get<std::string>(), json.at("column").get<std::string>(),
          json.at("type").get<std::string>(), position_of(json.at("position")),     json.at("fix").get<std::string>()};
}

Error unreadable(const std::exception& error) {
  return fatal("corrupt", std::string("an entry of the Snowflake destination's ledger cannot be read: ") + error.what(),
               "restore the state file, or remove it and let luge copy the tables again");
}

template <class Read>
auto reading(std::string_view text, Read&& read) -> Result<decltype(read(Json()))> {
  try {
    const Json json = Json::parse(text);
    if (json.at("version").get<int>() != kVersion) throw std::invalid_argument("unknown version");
    return read(json);
  } catch (const std::exception& error) {
    return unreadable(error);
  }
}

}  // namespace

std::string encode_table_entry(const TableEntry& entry) {
  const TableRecord& record = entry.record;
  Json json = {{"version", kVersion},
               {"oid", record.oid},
               {"schema", record.name.schema},
               {"table", record.name.table},
               {"state", std::string(to_string(record.state))},
               {"attempt", record.attempt},
               {"file_node", record.file_node},
               {"generation", entry.generation},
               {"generation_floor", offset_token(entry.generation_floor)},
               {"shards", entry.shards},
               {"fold", encode_fold(entry.fold)}};
  if (record.schema) json["shape"] = encode_schema(*record.schema);
  if (record.snapshot) json["snapshot"] = to_string(*record.snapshot);
  if (record.quarantine) json["quarantine"] = encode_quarantine(*record.quarantine);
  if (!entry.early_truncates.empty()) json["early_truncates"] = entry.early_truncates;
  if (entry.has_log) json["layout"] = encode_layout(entry.layout);
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Result<TableEntry> decode_table_entry(std::string_view text) {
  return reading(text, [](const Json& json) {
    TableEntry entry;
    TableRecord& record = entry.record;
    record.oid = json.at("oid").get<RelationOid>();
    record.name = {json.at("schema").get<std::string>(), json.at("table").get<std::string>()};
    const auto state = parse_table_state(json.at("state").get<std::string>());
    if (!state) throw std::invalid_argument("unknown state");
    record.state = *state;
    record.attempt = json.at("attempt").get<Attempt>();
    record.file_node = json.at("file_node").get<std::uint32_t>();
    entry.generation = json.at("generation").get<std::uint32_t>();
    entry.generation_floor = position_of(json.at("generation_floor"));
    entry.shards = json.at("shards").get<std::uint16_t>();
    entry.fold = decode_fold(json.at("fold"));
    if (json.contains("shape")) {
      auto shape = decode_schema(json.at("shape").get<std::string>());
      if (!shape) throw std::invalid_argument(shape.error().what);
      record.schema = std::move(*shape);
    }
    if (json.contains("snapshot")) record.snapshot = Snapshot::parse(json.at("snapshot").get<std::string>());
    if (json.contains("quarantine")) record.quarantine = decode_quarantine(json.at("quarantine"));
    if (json.contains("early_truncates")) entry.early_truncates = json.at("early_truncates").get<std::vector<Xid>>();
    if (json.contains("layout")) {
      entry.layout = decode_layout(json.at("layout"));
      entry.has_log = true;
    }
    return entry;
  });
}

std::string encode_meta_entry(const MetaEntry& entry) {
  const Checkpoint& at = entry.checkpoint;
  return Json{{"version", kVersion},
              {"uuid", entry.uuid},
              {"epoch", at.epoch},
              {"commit_lsn", to_string(at.commit_lsn)},
              {"end_lsn", to_string(at.end_lsn)},
              {"witness_lsn", to_string(at.witness.commit_lsn)},
              {"witness_time", at.witness.commit_time.micros},
              {"settled", entry.settled},
              {"log_mode", entry.log_mode},
              {"current_state", entry.current_state}}
      .dump();
}

Result<MetaEntry> decode_meta_entry(std::string_view text) {
  return reading(text, [](const Json& json) {
    const auto lsn = [&](const char* key) { return Lsn::parse(json.at(key).get<std::string>()).value(); };
    MetaEntry entry;
    entry.uuid = json.at("uuid").get<std::string>();
    entry.checkpoint = {
        json.at("epoch").get<Epoch>(), lsn("commit_lsn"), lsn("end_lsn"), {lsn("witness_lsn"), {json.at("witness_time").get<std::int64_t>()}}};
    entry.settled = json.at("settled").get<bool>();
    entry.log_mode = json.at("log_mode").get<bool>();
    entry.current_state = json.at("current_state").get<std::string>();
    return entry;
  });
}

std::string encode_channel_mark(const ChannelMark& mark) {
  Json json = {{"version", kVersion}, {"rows_inserted", mark.rows_inserted}, {"rows_error_count", mark.rows_error_count}};
  if (mark.token) json["token"] = offset_token(*mark.token);
  return json.dump();
}

Result<ChannelMark> decode_channel_mark(std::string_view text) {
  return reading(text, [](const Json& json) {
    ChannelMark mark;
    mark.rows_inserted = json.at("rows_inserted").get<std::uint64_t>();
    mark.rows_error_count = json.at("rows_error_count").get<std::uint64_t>();
    if (json.contains("token")) mark.token = position_of(json.at("token"));
    return mark;
  });
}

}  // namespace luge
