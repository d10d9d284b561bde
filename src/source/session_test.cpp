#include "source/session.h"

#include <chrono>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <thread>

#include "source/publication.h"
#include "source/slot.h"
#include "support/temp_postgres.h"

namespace luge {
namespace {

using testing::HasSubstr;

TEST(TimelineHistory, reads_switch_points) {
  const auto switches = parse_timeline_history("# comment\n1\t0/5000060\tno recovery target specified\n\n2\tA/B0\tafter LSN A/B0\r\n");
  ASSERT_EQ(switches.size(), 2U);
  EXPECT_EQ(switches[0].timeline, 1U);
  EXPECT_EQ(to_string(switches[0].at), "0/5000060");
  EXPECT_EQ(to_string(switches[1].at), "A/B0");
}

TEST(SettingDuration, reads_every_unit) {
  EXPECT_EQ(parse_setting_duration("0"), Duration{0});
  EXPECT_EQ(parse_setting_duration("500ms"), std::chrono::milliseconds(500));
  EXPECT_EQ(parse_setting_duration("60s"), std::chrono::seconds(60));
  EXPECT_EQ(parse_setting_duration("1min"), std::chrono::minutes(1));
  EXPECT_EQ(parse_setting_duration("1d"), std::chrono::hours(24));
}

TEST(Slot, creation_waits_for_open_transactions_and_can_be_stopped) {
  TempPostgres& server = TempPostgres::shared();
  server.run("CREATE TABLE IF NOT EXISTS waits (id int)");
  Connection writer = server.connect();
  ASSERT_TRUE(writer.exec("SET application_name = 'the writer'"));
  ASSERT_TRUE(writer.exec("BEGIN"));
  ASSERT_TRUE(writer.exec("INSERT INTO public.waits VALUES (1)"));

  Connection sql = server.connect();
  const auto blockers = describe_old_transactions(sql);
  ASSERT_TRUE(blockers) << blockers.error().message();
  EXPECT_THAT(*blockers, HasSubstr("pid " + std::to_string(writer.backend_pid()) + " (the writer, database postgres, idle in transaction"));

  std::stop_source stop;
  std::jthread stopper([&stop] {
    std::this_thread::sleep_for(std::chrono::milliseconds(300));
    stop.request_stop();
  });
  const auto created = create_slot(server.options(), {.name = "slot_waits"}, stop.get_token());
  ASSERT_FALSE(created);
  EXPECT_EQ(created.error().code, "57014");
  ASSERT_TRUE(writer.exec("COMMIT"));
  EXPECT_FALSE(*drop_slot(sql, "slot_waits")) << "a cancelled creation leaves nothing";
  ASSERT_TRUE(create_slot(server.options(), {.name = "slot_waits"}, {}));
  EXPECT_EQ(create_slot(server.options(), {.name = "slot_waits"}, {}).error().code, "42710");
  EXPECT_TRUE(*drop_slot(sql, "slot_waits"));
}

TEST(Publication, is_made_extended_read_and_dropped) {
  TempPostgres& server = TempPostgres::shared();
  const std::string database = server.create_database();
  server.run("CREATE SCHEMA \"Weird \"\"S\"; CREATE TABLE \"Weird \"\"S\".\"it's; DROP\" (id int PRIMARY KEY); CREATE TABLE b (id int PRIMARY KEY)",
             database);
  Connection sql = server.connect(database);
  EXPECT_FALSE(*read_publication(sql, "pub"));
  ASSERT_TRUE(create_publication(sql, "pub", {{"Weird \"S", "it's; DROP"}}));
  ASSERT_TRUE(add_to_publication(sql, "pub", {{"public", "b"}}));
  EXPECT_EQ(add_to_publication(sql, "pub", {{"public", "b"}}).error().code, "42710");
  const auto facts = read_publication(sql, "pub");
  ASSERT_TRUE(facts && *facts);
  EXPECT_TRUE((*facts)->via_partition_root);
  EXPECT_TRUE((*facts)->owned);
  EXPECT_FALSE((*facts)->all_tables);
  EXPECT_TRUE((*facts)->made_by_luge);
  EXPECT_TRUE(check_adoptable("pub", **facts));
  server.run("COMMENT ON PUBLICATION pub IS 'ours now'", database);
  EXPECT_FALSE((*read_publication(sql, "pub"))->made_by_luge) << "its owner has taken it over";
  EXPECT_EQ(sql.query("SELECT count(*) FROM pg_publication_tables WHERE pubname = 'pub'")->text(0, 0), "2");
  EXPECT_TRUE(*drop_publication(sql, "pub"));
  EXPECT_FALSE(*drop_publication(sql, "pub"));
}

TEST(Publication, one_that_leaves_changes_out_is_not_adopted) {
  TempPostgres& server = TempPostgres::shared();
  const std::string database = server.create_database();
  server.run(
      "CREATE PUBLICATION inserts WITH (publish = 'insert'); CREATE TABLE p (id int PRIMARY KEY) PARTITION BY RANGE (id);"
      "CREATE TABLE p1 PARTITION OF p DEFAULT; CREATE PUBLICATION leaves FOR TABLE p; CREATE PUBLICATION roots FOR TABLE p WITH "
      "(publish_via_partition_root)",
      database);
  Connection sql = server.connect(database);
  const Status inserts = check_adoptable("inserts", **read_publication(sql, "inserts"));
  ASSERT_FALSE(inserts);
  EXPECT_THAT(inserts.error().hint, HasSubstr("ALTER PUBLICATION \"inserts\" SET (publish"));
  const Status leaves = check_adoptable("leaves", **read_publication(sql, "leaves"));
  ASSERT_FALSE(leaves);
  EXPECT_EQ(leaves.error().hint, "ALTER PUBLICATION \"leaves\" SET (publish_via_partition_root = true);");
  EXPECT_TRUE(check_adoptable("roots", **read_publication(sql, "roots")));
  EXPECT_FALSE((*read_publication(sql, "roots"))->made_by_luge);
}

TEST(Publication, the_advice_for_partitions_helps) {
  TempPostgres& server = TempPostgres::shared();
  const std::string database = server.create_database();
  server.run(
      "CREATE TABLE p (id int PRIMARY KEY) PARTITION BY RANGE (id); CREATE TABLE p1 PARTITION OF p DEFAULT;"
      "CREATE TABLE q (id int PRIMARY KEY) PARTITION BY RANGE (id); CREATE TABLE q1 PARTITION OF q DEFAULT;"
      "CREATE PUBLICATION named FOR TABLE p1 WITH (publish_via_partition_root);"
      "CREATE PUBLICATION leaf FOR TABLE p1; CREATE PUBLICATION mixed FOR TABLE p1, q, q1",
      database);
  Connection sql = server.connect(database);
  for (const char* name : {"named", "leaf", "mixed"}) {
    const Status refused = check_adoptable(name, **read_publication(sql, name));
    ASSERT_FALSE(refused) << name;
    EXPECT_EQ(refused.error().hint.find("publish_via_partition_root") == std::string::npos, std::string_view(name) == "named");
    server.run(refused.error().hint, database);
    EXPECT_TRUE(check_adoptable(name, **read_publication(sql, name))) << refused.error().hint;
  }
  EXPECT_EQ(server.run("SELECT string_agg(pubname || '.' || tablename, ',' ORDER BY pubname, tablename) FROM pg_publication_tables", database),
            "leaf.p,mixed.p,mixed.q,named.p");
}

TEST(Publication, missing_rights_are_named_with_the_grant) {
  TempPostgres& server = TempPostgres::shared();
  const std::string database = server.create_database();
  server.run("CREATE ROLE \"weak One\" LOGIN; CREATE ROLE shop_owner; CREATE TABLE t (id int PRIMARY KEY); ALTER TABLE t OWNER TO shop_owner",
             database);
  auto weak = Connection::open(server.options(database, "'weak One'"));
  ASSERT_TRUE(weak) << weak.error().message();
  const Status refused = create_publication(*weak, "pub", {{"public", "t"}});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, "42501");
  EXPECT_EQ(refused.error().recovery, Recovery::stop_pipeline);
  EXPECT_THAT(refused.error().hint, HasSubstr("GRANT CREATE ON DATABASE " + database + " TO \"weak One\";"));
  EXPECT_THAT(refused.error().hint, HasSubstr("GRANT shop_owner TO \"weak One\";"));
  EXPECT_FALSE(*read_publication(*weak, "pub"));
  server.run("GRANT CREATE ON DATABASE " + database + " TO \"weak One\"; GRANT shop_owner TO \"weak One\"", database);
  EXPECT_TRUE(create_publication(*weak, "pub", {{"public", "t"}}));
}

}  // namespace
}  // namespace luge
