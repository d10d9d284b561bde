#include "service/wal/wal_pin.h"

#include <algorithm>

#include "service/quantity_text.h"

namespace luge {

namespace {

// Also a slot that is followed closely keeps what was written since the last standby snapshot (every 15 s), and whole segments.
constexpr std::uint64_t kUsualBytes = 64ULL << 20;

std::uint64_t bytes_between(Lsn from, Lsn to) { return to > from ? to.value - from.value : 0; }

std::string text_of(const OldTransaction& old) {
  const std::string since = " has been open for " + duration_text(old.open_for);
  if (old.prepared) {
    return "prepared transaction '" + old.who + "' (database " + old.database + ")" + since + ": COMMIT PREPARED or ROLLBACK PREPARED ends it";
  }
  std::string session = "the transaction of pid " + std::to_string(old.pid) + " (" + old.who;
  if (!old.database.empty()) session += ", database " + old.database;
  if (!old.state.empty()) session += ", " + old.state;
  return session + ")" + since + ": SELECT pg_terminate_backend(" + std::to_string(old.pid) + ") ends it";
}

}  // namespace

std::string_view to_string(WalPin::Who who) {
  switch (who) {
    case WalPin::Who::nobody: return "nobody";
    case WalPin::Who::no_reader: return "no_reader";
    case WalPin::Who::reader: return "reader";
    case WalPin::Who::transaction: return "transaction";
    case WalPin::Who::prepared_transaction: return "prepared_transaction";
  }
  return "unknown";
}

WalPin pin_of(const SlotSample& slot, const WalSample& sample) {
  const std::uint64_t retained = slot.restart.is_zero() ? 0 : bytes_between(slot.restart, sample.here);
  if (slot.status == WalStatus::lost || retained <= kUsualBytes) return {};
  if (!slot.active) return {WalPin::Who::no_reader, "nobody reads slot " + slot.name + ": start its reader, or drop the slot if it is not needed"};
  const std::string reader = slot.reader.empty() ? "the reader of slot " + slot.name : slot.reader;
  if (!slot.logical) return {WalPin::Who::reader, reader + " is behind"};
  const std::uint64_t unconfirmed = bytes_between(std::max(slot.confirmed, slot.restart), sample.here);
  if (unconfirmed > retained / 2) return {WalPin::Who::reader, reader + " has not confirmed the last " + bytes_text(unconfirmed)};
  // What is confirmed and kept all the same is needed to decode a transaction that began before it.
  if (sample.oldest) {
    return {sample.oldest->prepared ? WalPin::Who::prepared_transaction : WalPin::Who::transaction, text_of(*sample.oldest)};
  }
  return {WalPin::Who::transaction,
          sample.sees_sessions ? "a transaction that was open until lately" : "a transaction that this role cannot see: GRANT pg_monitor TO it"};
}

}  // namespace luge
