#include "service/catalog/postgres_catalog.h"

#include <gtest/gtest.h>

#include "support/temp_postgres.h"

namespace luge {
namespace {

TempPostgres& server() { return TempPostgres::shared(); }

/// A place is a database.
std::string new_place() { return server().create_database(); }

TEST(PostgresCatalog, AConnectionThatWasEndedIsOpenedAgain) {
  const std::string place = new_place();
  const auto catalog = PostgresCatalog::open(server().options(place));
  ASSERT_TRUE(catalog) << catalog.error().message();
  const std::int64_t known = (*catalog)->read()->revision;
  ASSERT_TRUE((*catalog)->await_change(known - 1, std::chrono::seconds(1), {}));
  const std::string end_all = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '" + place + "'";
  server().run(end_all);
  EXPECT_TRUE((*catalog)->read()) << "reads are repeated";
  // The listener says once that it was away, then listens again.
  auto revision = (*catalog)->await_change(known, std::chrono::milliseconds(100), {});
  if (!revision) {
    EXPECT_EQ(revision.error().recovery, Recovery::retry);
    revision = (*catalog)->await_change(known, std::chrono::milliseconds(100), {});
  }
  ASSERT_TRUE(revision) << revision.error().message();
  EXPECT_EQ(*revision, known);
}

TEST(PostgresCatalog, WhoeverFindsItInPlaceNeedsNoRightToCreate) {
  const std::string place = new_place();
  ASSERT_TRUE(PostgresCatalog::open(server().options(place)));
  server().run("CREATE ROLE reader_of_" + place + " LOGIN; GRANT USAGE ON SCHEMA _luge TO reader_of_" + place +
                   "; GRANT SELECT ON ALL TABLES IN SCHEMA _luge TO reader_of_" + place + "; GRANT UPDATE ON _luge.pipeline TO reader_of_" + place +
                   "; INSERT INTO _luge.pipeline(name, source, destination) VALUES ('orders', 's', 'd')",
               place);
  const auto catalog = PostgresCatalog::open(server().options(place, "reader_of_" + place));
  ASSERT_TRUE(catalog) << catalog.error().message();
  const std::int64_t before = (*catalog)->read()->revision;
  // Whoever may change a pipeline need not be able to count: the trigger does.
  Connection other = *Connection::open(server().options(place, "reader_of_" + place));
  ASSERT_TRUE(other.exec("UPDATE _luge.pipeline SET desired = 'PAUSE'"));
  EXPECT_GT((*catalog)->read()->revision, before);
}

TEST(PostgresCatalog, WithoutTheRightToCreateTheErrorSaysSo) {
  const std::string place = new_place();
  server().run("CREATE ROLE nobody_in_" + place + " LOGIN");
  const auto refused = PostgresCatalog::open(server().options(place, "nobody_in_" + place));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, "42501");
}

}  // namespace
}  // namespace luge
