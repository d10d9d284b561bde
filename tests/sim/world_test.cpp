#include "sim/world.h"

#include <filesystem>
#include <gtest/gtest.h>

#include "decode/pgoutput_decoder.h"
#include "sim/pgoutput_writer.h"

namespace luge {
namespace {

TableDef two_columns() {
  TableDef def;
  def.oid = 77;
  def.name = {"public", "t"};
  SimColumn id;
  id.name = "id";
  id.attnum = 1;
  id.type = pg_oid::kInt4;
  id.in_key = true;
  SimColumn body;
  body.name = "body";
  body.attnum = 2;
  body.type = pg_oid::kText;
  body.toastable = true;
  def.columns = {id, body};
  return def;
}

Change update(const Values& before, const Values& after) {
  Change change;
  change.kind = Change::Kind::update;
  change.targets.push_back({std::make_shared<const TableDef>(two_columns()), true});
  change.before = std::make_shared<const Values>(before);
  change.after = std::make_shared<const Values>(after);
  return change;
}

TEST(PgoutputWriter, AnUpdateOfTheKeySendsTheOldKeyAndLeavesOutWhatIsStoredElsewhere) {
  const std::string big(40, 'x');
  bool unchanged = false;
  const std::string payload = PgoutputWriter::row(update({"1", big}, {"2", big}), 0, unchanged);
  PgOutputDecoder decoder;
  const auto message = decoder.decode(payload);
  ASSERT_TRUE(message) << message.error().what;
  const TableRow& row = std::get<RowMessage>(message->body).row;
  EXPECT_TRUE(unchanged);
  EXPECT_EQ(row.old_tuple, OldTuple::key);
  EXPECT_EQ(row.before[0].bytes, "1");
  EXPECT_EQ(row.after[0].bytes, "2");
  EXPECT_EQ(row.after[1].state, ValueState::unchanged);
}

TEST(SimPostgres, ACommitThatWaitsForItsStandbyIsInTheStreamButInNoSnapshot) {
  const Instant now{0};
  const Trace trace(false, now);
  Marks marks;
  PostgresOptions options;
  options.sync_standby = true;
  SimPostgres server(options, Dice(1), now, trace, marks);
  server.create_table(two_columns());
  for (int i = 0; i < 50; ++i) {
    SourceTransaction& transaction = server.begin();
    Change insert;
    insert.targets.push_back({server.visible().at(77).def(), true});
    insert.row = server.next_row_id();
    insert.after = std::make_shared<const Values>(Values{std::to_string(i), "b"});
    server.write(transaction, std::move(insert));
    server.commit(transaction);
    EXPECT_EQ(server.snapshot().visible(transaction.xid), transaction.visible);
    if (!transaction.visible) {
      // The newest xid may lie at xmax: running, and not even listed.
      EXPECT_LE(server.snapshot().xmin, transaction.xid);
      EXPECT_GT(server.current_xact_id(), transaction.xid);
      return;
    }
  }
  FAIL() << "no commit waited";
}

TEST(SimPostgres, ACrashTakesTheSlotBackToItsLastCheckpoint) {
  const Instant now{0};
  const Trace trace(false, now);
  Marks marks;
  SimPostgres server({}, Dice(1), now, trace, marks);
  server.create_table(two_columns());
  ASSERT_TRUE(server.try_create_slot());
  const Lsn start = server.slot().confirmed;
  server.slot().confirmed.value += 64;
  server.crash(Duration{0});
  EXPECT_EQ(server.slot().confirmed, start);
}

TEST(World, TheSameSeedIsTheSameStory) {
  const std::string spool = std::filesystem::temp_directory_path().string();
  for (const std::uint64_t seed : {3U, 8U}) {
    Marks first;
    Marks second;
    EXPECT_FALSE(World(seed, false, first, spool).run());
    EXPECT_FALSE(World(seed, false, second, spool).run());
    for (std::size_t i = 0; i < kMarkCount; ++i)
      EXPECT_EQ(first.count(static_cast<Mark>(i)), second.count(static_cast<Mark>(i))) << Marks::name(static_cast<Mark>(i));
  }
}

}  // namespace
}  // namespace luge
