#include "destination/duckdb/mirror_catalog.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "destination/duckdb/mirror_test_support.h"

namespace luge::mirror_test {
namespace {

using ::testing::HasSubstr;

class MirrorCatalogTest : public MirrorTest {
 protected:
  MirrorCatalogTest() {
    auto database = DuckdbDatabase::open(options_);
    EXPECT_TRUE(database.has_value());
    auto connection = (*database)->connect();
    EXPECT_TRUE(connection.has_value());
    connection_ = std::move(*connection);
  }
  std::unique_ptr<DuckdbConnection> connection_;
};

TEST_F(MirrorCatalogTest, only_the_newest_fence_may_write) {
  MirrorCatalog catalog;
  request_.fence = 3;
  ASSERT_TRUE(catalog.open(*connection_, request_).has_value());
  EXPECT_TRUE(MirrorCatalog::check_fence(*connection_, 3).has_value());
  request_.fence = 4;
  MirrorCatalog newer;
  ASSERT_TRUE(newer.open(*connection_, request_).has_value());
  const Status refused = MirrorCatalog::check_fence(*connection_, 3);
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code, "fenced");
  EXPECT_EQ(refused.error().recovery, Recovery::stop_pipeline);
  request_.fence = 3;
  EXPECT_FALSE(catalog.open(*connection_, request_).has_value());
}

TEST_F(MirrorCatalogTest, a_rollback_takes_records_back) {
  MirrorCatalog catalog;
  ASSERT_TRUE(catalog.open(*connection_, request_).has_value());
  MirrorTable table;
  table.record.oid = 7;
  table.record.name = {"public", "it's"};
  table.record.quarantine = Quarantine{"misfit", "wh'y", "c", "t", {1, Lsn{UINT64_MAX}, UINT64_MAX}, "fix"};
  table.record.state = TableState::quarantined;
  ASSERT_TRUE(connection_->begin().has_value());
  ASSERT_TRUE(catalog.save(*connection_, table).has_value());
  ASSERT_TRUE(connection_->commit().has_value());
  catalog.committed();
  ASSERT_TRUE(connection_->begin().has_value());
  MirrorTable changed = table;
  changed.record.state = TableState::live;
  ASSERT_TRUE(catalog.save(*connection_, changed).has_value());
  changed.record.oid = 8;
  ASSERT_TRUE(catalog.save(*connection_, changed).has_value());
  connection_->rollback();
  catalog.rolled_back();
  EXPECT_EQ(catalog.tables().size(), 1U);
  EXPECT_EQ(catalog.find(7)->record.state, TableState::quarantined);
  MirrorCatalog again;
  ASSERT_TRUE(again.open(*connection_, request_).has_value());
  ASSERT_EQ(again.tables().size(), 1U);
  EXPECT_EQ(again.find(7)->record.name.table, "it's");
  EXPECT_EQ(again.find(7)->record.quarantine->reason, "wh'y");
  EXPECT_EQ(again.find(7)->record.quarantine->position, (Position{1, Lsn{UINT64_MAX}, UINT64_MAX}));
}

TEST_F(MirrorCatalogTest, the_newest_checkpoint_counts_and_the_others_are_pruned) {
  MirrorCatalog catalog;
  ASSERT_TRUE(catalog.open(*connection_, request_).has_value());
  for (const Checkpoint& c : {Checkpoint{1, Lsn{500}, Lsn{501}}, Checkpoint{2, Lsn{100}, Lsn{101}}, Checkpoint{2, Lsn{90}, Lsn{91}}}) {
    ASSERT_TRUE(MirrorCatalog::write_checkpoint(*connection_, c, Lsn{c.commit_lsn.value / 2}, 1).has_value());
  }
  for (int i = 0; i < 2; ++i) {
    auto identity = catalog.open(*connection_, request_);
    ASSERT_TRUE(identity.has_value());
    EXPECT_EQ(identity->checkpoint, (Checkpoint{2, Lsn{100}, Lsn{101}}));
    EXPECT_EQ(identity->intent, Lsn{50});
  }
  auto rows = connection_->rows("SELECT count(*)::VARCHAR FROM _luge.checkpoint", "counting");
  ASSERT_TRUE(rows.has_value());
  EXPECT_EQ(rows->at(0).at(0), "1");
}

TEST_F(MirrorCatalogTest, the_witness_is_kept_with_its_checkpoint) {
  MirrorCatalog catalog;
  ASSERT_TRUE(catalog.open(*connection_, request_).has_value());
  const Witness witness{Lsn{90}, {-5}};
  ASSERT_TRUE(MirrorCatalog::write_checkpoint(*connection_, {1, Lsn{100}, Lsn{101}, witness}, Lsn{50}, 1).has_value());
  auto identity = catalog.open(*connection_, request_);
  ASSERT_TRUE(identity.has_value());
  EXPECT_EQ(identity->checkpoint.witness, witness);
}

TEST_F(MirrorCatalogTest, a_file_without_witnesses_gets_them) {
  ASSERT_TRUE(MirrorCatalog().open(*connection_, request_).has_value());
  for (const char* column : {"witness_lsn", "witness_time"})
    ASSERT_TRUE(connection_->execute(std::string("ALTER TABLE _luge.checkpoint DROP COLUMN ") + column, "making an old file").has_value());
  ASSERT_TRUE(connection_->execute("INSERT INTO _luge.checkpoint VALUES (1, 100, 101, 50, 1, now())", "making an old file").has_value());
  MirrorCatalog catalog;
  auto identity = catalog.open(*connection_, request_);
  ASSERT_TRUE(identity.has_value()) << identity.error().what;
  EXPECT_EQ(identity->checkpoint, (Checkpoint{1, Lsn{100}, Lsn{101}}));
  EXPECT_TRUE(identity->checkpoint.witness.commit_lsn.is_zero());
  const Witness witness{Lsn{200}, {7}};
  ASSERT_TRUE(MirrorCatalog::write_checkpoint(*connection_, {1, Lsn{200}, Lsn{201}, witness}, Lsn{50}, 1).has_value());
  identity = catalog.open(*connection_, request_);
  ASSERT_TRUE(identity.has_value());
  EXPECT_EQ(identity->checkpoint.witness, witness);
}

TEST_F(MirrorCatalogTest, an_error_never_quotes_a_value) {
  auto failed = connection_->execute("SELECT 'secret value'::INT", "testing");
  ASSERT_FALSE(failed.has_value());
  EXPECT_EQ(failed.error().message().find("secret"), std::string::npos);
  EXPECT_THAT(failed.error().message(), HasSubstr("conversion"));
}

}  // namespace
}  // namespace luge::mirror_test
