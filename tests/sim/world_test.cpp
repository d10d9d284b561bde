#include "sim/world.h"

#include <filesystem>
#include <functional>
#include <gtest/gtest.h>
#include <utility>

#include "base/ensure.h"
#include "decode/pgoutput_decoder.h"
#include "decode/relation_resolver.h"
#include "sim/broken_invariant.h"
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

/// A server, a destination and who watches both, without luge, faults and time.
struct SmallWorld {
  const Instant now{0};
  const Trace trace{false, now};
  Marks marks;
  SimPostgres server{{}, Dice(1), now, trace, marks};
  SimDestination destination{trace, marks};
  Oracle oracle{server, destination, trace, marks};
};

TEST(Oracle, RowsOfAnotherShapeThanTheServersAreNoticed) {
  const auto decoded = [](const std::function<void(TableSchema&)>& change) {
    const auto none = [](const TableName&, const std::string&, const PgType&) { return ColumnOptions{}; };
    TableSchema schema = **schema_from_catalog(to_catalog(two_columns(), true), none);
    change(schema);
    return std::make_shared<const TableSchema>(std::move(schema));
  };
  const auto invariant = [](TableSchemaPtr schema) -> std::string {
    SmallWorld world;
    SimPostgres& server = world.server;
    server.create_table(two_columns());
    SourceTransaction& transaction = server.begin();
    Change insert;
    insert.targets.push_back({server.visible().at(77).def(), true});
    insert.row = server.next_row_id();
    insert.after = std::make_shared<const Values>(Values{"1", "b"});
    server.write(transaction, std::move(insert));
    server.commit(transaction);
    TableChunk chunk;
    chunk.schema = std::move(schema);
    chunk.rows = 1;
    chunk.ops = {RowOp::insert};
    chunk.ordinals = {0};
    chunk.runs = {{1, transaction.commit_lsn, transaction.xid, transaction.commit_time}};
    (void)world.oracle.check_run(chunk, 0, chunk.runs[0], CopyNotes{});
    return world.oracle.failure() ? world.oracle.failure()->invariant : "";
  };
  EXPECT_EQ(invariant(decoded([](TableSchema&) {})), "");
  EXPECT_EQ(invariant(decoded([](TableSchema& schema) { schema.columns[1].name = "soul"; })), "I12");
  EXPECT_EQ(invariant(decoded([](TableSchema& schema) { schema.columns[1].attnum = 3; })), "I12");
  EXPECT_EQ(invariant(decoded([](TableSchema& schema) { schema.columns[1].type = sim_type(pg_oid::kInt4); })), "I12");
  EXPECT_EQ(invariant(decoded([](TableSchema& schema) { schema.columns.pop_back(); })), "I12");
  EXPECT_EQ(invariant(decoded([](TableSchema& schema) { std::swap(schema.columns[0], schema.columns[1]); })), "I12");
  EXPECT_EQ(invariant(decoded([](TableSchema& schema) { schema.key_columns.clear(); })), "I12");
  EXPECT_EQ(invariant(decoded([](TableSchema& schema) { schema.identity = ReplicaIdentity::full; })), "I12");
}

TEST(BrokenInvariant, AnEnsureOfTheProductEndsTheWorldWithTheInvariantThatItGuards) {
  const auto invariant = [](const char* why) -> std::string {
    try {
      ensure_failed("1 == 2", why, "file.cpp", 3);
    } catch (const BrokenInvariant& broken) {
      return broken.invariant;
    }
  };
  EXPECT_EQ(invariant("feedback beyond the stored intent"), "I1");
  EXPECT_EQ(invariant("anything else"), "ENSURE");
}

TEST(SimDestination, ItsCopyOfTheIntentIsOfOneEpoch) {
  SmallWorld world;
  SimDestination& destination = world.destination;
  destination.watched_by(world.oracle);
  const auto commit = [&](const Checkpoint& checkpoint, const Intent& intent) {
    Batch batch;
    batch.checkpoint = checkpoint;
    EXPECT_TRUE(SimDestination::Writer(destination, 1).apply(batch, {}, intent));
  };
  commit({1, Lsn{100}, Lsn{110}}, {1, Lsn{90}});
  ASSERT_TRUE(destination.record_intent(1, {1, Lsn{900}}));
  EXPECT_EQ(destination.frontier().intent, Lsn{900});
  ASSERT_TRUE(destination.record_intent(1, {2, Lsn{150}}));
  EXPECT_EQ(destination.frontier().intent, Lsn{}) << "nothing is durable in that epoch: it vouches for nothing yet";
  commit({2, Lsn{200}, Lsn{210}}, {2, Lsn{150}});
  EXPECT_EQ(destination.frontier().intent, Lsn{150}) << "the server may have gone back in between";
}

TEST(World, EverySeedHasFiftyTransactionsAndFeelsFiveFaults) {
  const std::string spool = std::filesystem::temp_directory_path().string();
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    Marks marks;
    World world(seed, false, marks, spool);
    EXPECT_FALSE(world.run()) << seed;
    EXPECT_GE(world.transactions(), 50U) << seed;
    EXPECT_GE(world.faults(), kLeastFaults) << seed;
  }
}

TEST(World, AThirdOfTheSeedsWaitAsTheDriverDoes) {
  const std::string spool = std::filesystem::temp_directory_path().string();
  Marks marks;
  for (std::uint64_t seed = 1; seed <= 200; ++seed) World world(seed, false, marks, spool);
  EXPECT_GT(marks.count(Mark::drivers_waits), 40U);
  EXPECT_LT(marks.count(Mark::drivers_waits), 100U);
  Marks of_one;
  World world(2188, false, of_one, spool);
  EXPECT_EQ(of_one.count(Mark::drivers_waits), 0U) << "this one catches quiet_range_believed, which needs every position to be stored";
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
