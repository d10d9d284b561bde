#pragma once
#include <string>
#include <string_view>

#include "service/wal/wal_sample.h"

namespace luge {

/// Why a slot does not let go of old WAL.
struct WalPin {
  enum class Who : char {
    nobody,                ///< it keeps no more than usual
    no_reader,             ///< nobody is connected to the slot
    reader,                ///< its reader has not confirmed what follows
    transaction,           ///< the reader is up to date; a transaction has been writing since then
    prepared_transaction,  ///< so has a prepared one, until somebody commits it or rolls it back
  };
  Who who = Who::nobody;
  std::string text;  ///< for people: names, times and the command that helps; empty for nobody
};
std::string_view to_string(WalPin::Who who);

/// Pure.
WalPin pin_of(const SlotSample& slot, const WalSample& sample);

}  // namespace luge
