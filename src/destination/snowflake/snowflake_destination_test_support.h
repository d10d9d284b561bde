#pragma once
#include <algorithm>
#include <atomic>
#include <cctype>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "conformance/destination_session.h"
#include "destination/snowflake/snowflake_destination.h"
#include "support/snowflake_emulator.h"

namespace luge::conformance {

/// luge's state as far as a destination sees it, shared by the processes of one place.
class MemoryLedger final : public LedgerStore {
 public:
  void acquired(Fence fence) {
    std::lock_guard lock(mutex_);
    newest_ = std::max(newest_, fence);
  }
  Result<std::map<std::string, std::string>> load_ledger(const std::string&) override {
    std::lock_guard lock(mutex_);
    return entries_;
  }
  Status save_ledger(const std::string&, Fence fence, const std::vector<LedgerChange>& changes) override {
    std::lock_guard lock(mutex_);
    if (fence != newest_) return needs_operator("fenced", "a newer process owns the pipeline");
    for (const LedgerChange& change : changes) {
      if (change.value) {
        entries_[change.key] = *change.value;
      } else {
        entries_.erase(change.key);
      }
    }
    return ok();
  }

 private:
  std::mutex mutex_;
  Fence newest_ = 0;
  std::map<std::string, std::string> entries_;
};

inline MemoryLedger& ledger_of(const std::string& place) {
  static std::map<std::string, MemoryLedger> ledgers;
  return ledgers[place];
}

inline const SystemClock& system_clock() {
  static const SystemClock clock;
  return clock;
}

/// A schema of its own.
inline std::string new_place() {
  static int places = 0;
  const std::string place = "C" + std::to_string(++places);
  SnowflakeEmulator::shared().sql("CREATE SCHEMA " + place);
  return place;
}

inline std::string upper(std::string name) {
  for (char& c : name) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return "\"" + name + "\"";
}

inline std::string text(const ColumnSchema& column) {
  const std::string name = upper(column.name);
  switch (column.value.kind) {
    case ValueKind::text: return name;
    case ValueKind::json:
    case ValueKind::list: return "TO_JSON(" + name + ")";
    case ValueKind::binary: return "HEX_ENCODE(" + name + ")";
    case ValueKind::date: return "TO_VARCHAR(" + name + ", 'YYYY-MM-DD')";
    case ValueKind::timestamp:
    case ValueKind::timestamp_tz: return "DATE_PART(EPOCH_MICROSECOND, " + name + ")";
    default: return "TO_VARCHAR(" + name + ")";
  }
}

/// The destination before the emulator that all tests of a process share; `change` has the last word about its options.
inline DestinationQuirks snowflake(const std::string& name, SnowflakeOptions::Transport transport, SnowflakeOptions::CurrentState current_state,
                                   std::function<void(SnowflakeOptions&)> change = nullptr) {
  DestinationQuirks quirks;
  quirks.name = name;
  quirks.new_place = new_place;
  quirks.make = [=](const std::string& place, Fence fence) {
    const SnowflakeEmulator& emulator = SnowflakeEmulator::shared();
    const bool sdk = transport == SnowflakeOptions::Transport::sdk;
    SnowflakeOptions options;
    options.url = sdk ? emulator.https_url() : emulator.url();
    options.ca_file = sdk ? emulator.ca_file() : "";
    options.account = emulator.account();
    options.user = emulator.user();
    options.private_key_file = emulator.private_key_file();
    options.database = emulator.database();
    options.schema = place;
    options.transport = transport;
    options.python = LUGE_DEPS "/sdk-venv/bin/python";
    options.actors = 2;
    options.shards_per_table = 3;
    options.current_state = current_state;
    if (change) change(options);
    ledger_of(place).acquired(fence);
    return std::move(make_snowflake_destination(std::move(options), ledger_of(place), system_clock())).value();
  };
  quirks.consistent = current_state == SnowflakeOptions::CurrentState::merge;
  quirks.copies_are_logged = !quirks.consistent;
  quirks.keys_change = current_state == SnowflakeOptions::CurrentState::merge;
  quirks.table = [](const std::string& place, const TableName& table) { return "\"" + place + "\"." + upper(table.table); };
  quirks.text = text;
  quirks.log = [](const std::string& place, const TableName& table) { return "\"" + place + "\"." + upper(table.table + "__LOG"); };
  return quirks;
}

}  // namespace luge::conformance
