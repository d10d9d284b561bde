#include "service/wal/wal_pin.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace luge {
namespace {

using testing::HasSubstr;
using Who = WalPin::Who;

constexpr std::uint64_t kGiB = 1ULL << 30;

/// A slot that retains 10 GiB of which its reader has confirmed all but `unconfirmed`.
SlotSample slot_with(std::uint64_t unconfirmed) {
  SlotSample slot;
  slot.name = "luge_app";
  slot.active = true;
  slot.reader = "luge/app";
  slot.restart = {90 * kGiB};
  slot.confirmed = {100 * kGiB - unconfirmed};
  slot.status = WalStatus::extended;
  return slot;
}

WalSample sample_with(std::optional<OldTransaction> oldest) {
  WalSample sample;
  sample.here = {100 * kGiB};
  sample.sees_sessions = true;
  sample.oldest = std::move(oldest);
  return sample;
}

TEST(WalPin, a_slot_that_keeps_little_is_pinned_by_nobody) {
  SlotSample slot = slot_with(0);
  slot.restart = {100 * kGiB - (40U << 20)};
  EXPECT_EQ(pin_of(slot, sample_with({})).who, Who::nobody);
  slot.active = false;
  EXPECT_EQ(pin_of(slot, sample_with({})).who, Who::nobody);
  EXPECT_EQ(pin_of(slot, sample_with({})).text, "");
}

TEST(WalPin, an_unread_slot_comes_before_everything_else) {
  SlotSample slot = slot_with(0);
  slot.active = false;
  const WalPin pin = pin_of(slot, sample_with(OldTransaction{.pid = 7}));
  EXPECT_EQ(pin.who, Who::no_reader);
  EXPECT_THAT(pin.text, HasSubstr("luge_app"));
}

TEST(WalPin, a_reader_that_does_not_confirm) {
  const WalPin pin = pin_of(slot_with(9 * kGiB), sample_with(OldTransaction{.pid = 7}));
  EXPECT_EQ(pin.who, Who::reader);
  EXPECT_EQ(pin.text, "luge/app has not confirmed the last 9 GiB");
}

TEST(WalPin, confirmed_and_kept_all_the_same_names_the_session) {
  const WalPin pin = pin_of(
      slot_with(0), sample_with(OldTransaction{
                        .pid = 4711, .who = "psql", .database = "app", .state = "idle in transaction", .open_for = std::chrono::minutes(190)}));
  EXPECT_EQ(pin.who, Who::transaction);
  EXPECT_EQ(pin.text,
            "the transaction of pid 4711 (psql, database app, idle in transaction) has been open for 3 h 10 min: "
            "SELECT pg_terminate_backend(4711) ends it");
}

TEST(WalPin, so_does_a_prepared_transaction) {
  const WalPin pin = pin_of(slot_with(0), sample_with(OldTransaction{.prepared = true, .who = "job-7", .database = "app"}));
  EXPECT_EQ(pin.who, Who::prepared_transaction);
  EXPECT_THAT(pin.text, HasSubstr("'job-7'"));
}

TEST(WalPin, a_role_that_cannot_see_sessions_is_told_what_it_lacks) {
  WalSample sample = sample_with({});
  sample.sees_sessions = false;
  EXPECT_THAT(pin_of(slot_with(0), sample).text, HasSubstr("GRANT pg_monitor"));
}

TEST(WalPin, physical_and_lost_slots) {
  SlotSample slot = slot_with(0);
  slot.logical = false;
  slot.confirmed = {};
  EXPECT_EQ(pin_of(slot, sample_with({})).who, Who::reader);
  slot.status = WalStatus::lost;
  slot.restart = {};
  EXPECT_EQ(pin_of(slot, sample_with({})).who, Who::nobody);
}

}  // namespace
}  // namespace luge
