#include "state/state_record_json.h"

#include <nlohmann/json.hpp>

namespace luge {

namespace {

using nlohmann::json;

Error corrupt(const std::string& why) {
  return needs_operator("state_corrupt", "the stored state of the pipeline cannot be read: " + why,
                        "restore the state file from a backup, or move it away and run luge with --on-gap resync");
}

struct Reader {
  const json& object;
  std::string problem;

  template <class T>
  void number(const char* name, T& out) {
    const auto found = object.find(name);
    if (found == object.end()) return;
    if (!found->is_number_unsigned()) {
      problem = std::string(name) + " is not a number";
      return;
    }
    out = found->template get<T>();
  }
  void text(const char* name, std::string& out) {
    const auto found = object.find(name);
    if (found == object.end()) return;
    if (!found->is_string()) {
      problem = std::string(name) + " is not text";
      return;
    }
    out = found->template get<std::string>();
  }
  void flag(const char* name, bool& out) {
    const auto found = object.find(name);
    if (found == object.end()) return;
    if (!found->is_boolean()) {
      problem = std::string(name) + " is not true or false";
      return;
    }
    out = found->template get<bool>();
  }
  void lsn(const char* name, Lsn& out) {
    std::string spelt;
    text(name, spelt);
    if (spelt.empty()) return;
    const auto parsed = Lsn::parse(spelt);
    if (!parsed) {
      problem = std::string(name) + " is not an LSN";
      return;
    }
    out = *parsed;
  }
};

std::string_view name_of(StateRecord::SlotPhase phase) {
  switch (phase) {
    case StateRecord::SlotPhase::none: return "none";
    case StateRecord::SlotPhase::creating: return "creating";
    case StateRecord::SlotPhase::ready: return "ready";
  }
  return "none";
}

bool parse_phase(std::string_view text, StateRecord::SlotPhase& out) {
  for (const auto phase : {StateRecord::SlotPhase::none, StateRecord::SlotPhase::creating, StateRecord::SlotPhase::ready}) {
    if (name_of(phase) == text) {
      out = phase;
      return true;
    }
  }
  return false;
}

}  // namespace

std::string encode_state_record(const StateRecord& record) {
  return json{{"system_identifier", record.system_identifier},
              {"database_oid", record.database_oid},
              {"timeline", record.timeline},
              {"slot", record.slot},
              {"slot_phase", name_of(record.slot_phase)},
              {"publication", record.publication},
              {"publication_oid", record.publication_oid},
              {"publication_seen", to_string(record.publication_seen)},
              {"epoch", record.epoch},
              {"ack_intent", to_string(record.ack_intent)},
              {"quiet_since", to_string(record.quiet_since)},
              {"checkpoint",
               {{"epoch", record.checkpoint.epoch},
                {"commit_lsn", to_string(record.checkpoint.commit_lsn)},
                {"end_lsn", to_string(record.checkpoint.end_lsn)}}},
              {"mirror_uuid", record.mirror_uuid},
              {"destination", record.destination},
              {"source", record.source},
              {"options_fingerprint", record.options_fingerprint},
              {"paused", record.paused}}
      .dump();
}

Result<StateRecord> decode_state_record(std::string_view text) {
  const json parsed = json::parse(text, nullptr, false);
  if (!parsed.is_object()) return corrupt("it is not a JSON object");
  StateRecord record;
  Reader reader{parsed, {}};
  reader.number("system_identifier", record.system_identifier);
  reader.number("database_oid", record.database_oid);
  reader.number("timeline", record.timeline);
  reader.text("slot", record.slot);
  std::string phase = "none";
  reader.text("slot_phase", phase);
  if (!parse_phase(phase, record.slot_phase)) reader.problem = "slot_phase is unknown";
  reader.text("publication", record.publication);
  reader.number("publication_oid", record.publication_oid);
  reader.lsn("publication_seen", record.publication_seen);
  reader.number("epoch", record.epoch);
  reader.lsn("ack_intent", record.ack_intent);
  if (parsed.contains("quiet_since")) reader.lsn("quiet_since", record.quiet_since);
  reader.text("mirror_uuid", record.mirror_uuid);
  reader.text("destination", record.destination);
  reader.text("source", record.source);
  reader.text("options_fingerprint", record.options_fingerprint);
  reader.flag("paused", record.paused);
  if (const auto found = parsed.find("checkpoint"); found != parsed.end()) {
    if (!found->is_object()) return corrupt("checkpoint is not an object");
    Reader inner{*found, {}};
    inner.number("epoch", record.checkpoint.epoch);
    inner.lsn("commit_lsn", record.checkpoint.commit_lsn);
    inner.lsn("end_lsn", record.checkpoint.end_lsn);
    if (!inner.problem.empty()) return corrupt("checkpoint: " + inner.problem);
  }
  if (!reader.problem.empty()) return corrupt(reader.problem);
  return record;
}

Status refuse_regress(const StateRecord& previous, const StateRecord& next) {
  std::string what;
  if (next.epoch < previous.epoch) {
    what = "epoch " + std::to_string(next.epoch) + " after epoch " + std::to_string(previous.epoch);
  } else if (next.epoch == previous.epoch && next.ack_intent < previous.ack_intent) {
    what = "ack_intent " + to_string(next.ack_intent) + " after " + to_string(previous.ack_intent);
  } else if (next.epoch == previous.epoch && next.checkpoint < previous.checkpoint) {
    what = "checkpoint " + to_string(next.checkpoint.commit_lsn) + " after " + to_string(previous.checkpoint.commit_lsn);
  }
  if (what.empty()) return ok();
  return fatal("regress", "the stored state would go back: " + what);
}

}  // namespace luge
