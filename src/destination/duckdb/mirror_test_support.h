#pragma once
#include <cstdint>
#include <filesystem>
#include <gtest/gtest.h>
#include <memory>
#include <optional>
#include <stdlib.h>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "destination/duckdb/duckdb_database.h"
#include "destination/duckdb/duckdb_destination.h"
#include "support/chunk_maker.h"

namespace luge::mirror_test {

using namespace chunk_test;  // NOLINT: the builders are words of these tests

/// Of tests with random changes.
#ifdef LUGE_SANITIZED
constexpr int kModelSeeds = 3;  // what the sanitizer looks for does not depend on the seed as much
#else
constexpr int kModelSeeds = 24;
#endif

/// A temporary directory, a destination in it, and short ways to use it.
class MirrorTest : public ::testing::Test {
 protected:
  MirrorTest() {
    std::string pattern = (std::filesystem::temp_directory_path() / "luge-mirror-XXXXXX").string();
    directory_ = ::mkdtemp(pattern.data());
    options_.path = directory_ + "/mirror.duckdb";
    request_.pipeline = "p";
    request_.fence = 1;
    request_.source_description = "test";
  }
  ~MirrorTest() override {
    destination_.reset();
    std::error_code ignored;
    std::filesystem::remove_all(directory_, ignored);
  }

  Result<Frontier> try_open() {
    if (!destination_) destination_ = make_duckdb_destination(options_);
    return destination_->open(request_);
  }
  Frontier open() {
    auto frontier = try_open();
    EXPECT_TRUE(frontier.has_value()) << (frontier ? "" : frontier.error().message());
    return frontier ? *frontier : Frontier{};
  }
  void reopen() {
    destination_.reset();
    open();
  }

  /// What a user might do with the file while luge is away.
  void change_file(const std::string& sql) {
    auto database = DuckdbDatabase::open(options_);
    ASSERT_TRUE(database.has_value()) << database.error().message();
    auto connection = (*database)->connect();
    ASSERT_TRUE(connection.has_value());
    auto done = (*connection)->execute(sql, "changing the file in a test");
    ASSERT_TRUE(done.has_value()) << done.error().message();
  }

  static SetTable set(const TableSchemaPtr& schema, TableState state, Attempt attempt) {
    TableRecord record;
    record.oid = schema->oid;
    record.name = schema->name;
    record.state = state;
    record.attempt = attempt;
    return {record};
  }
  static Rows live(TableChunk chunk) { return {{}, std::move(chunk)}; }
  static Rows pending(TableChunk chunk, Attempt attempt) { return {{Route::Kind::pending, attempt}, std::move(chunk)}; }

  Batch batch(std::uint64_t lsn, bool complete = true) {
    Batch out;
    out.id = ++batches_;
    out.complete = complete;
    out.checkpoint = {1, Lsn{lsn}, Lsn{lsn + 1}};
    return out;
  }
  Result<Frontier> try_apply(Batch b) {
    for (const BatchOp& op : b.ops) {
      if (const auto* rows = std::get_if<Rows>(&op)) b.rows += rows->chunk.rows;
    }
    return destination_->apply(std::move(b));
  }
  Frontier apply(Batch b) {
    auto frontier = try_apply(std::move(b));
    EXPECT_TRUE(frontier.has_value()) << (frontier ? "" : frontier.error().message());
    return frontier ? std::move(*frontier) : Frontier{};
  }
  template <class... Ops>
  Frontier apply_ops(std::uint64_t lsn, Ops... ops) {
    Batch b = batch(lsn);
    (b.ops.emplace_back(std::move(ops)), ...);
    return apply(std::move(b));
  }

  /// An empty live table, by way of an empty copy.
  void make_table(const TableSchemaPtr& schema, std::vector<TableChunk> copied = {}) {
    apply_ops(0, set(schema, TableState::waiting, 1));
    copy(schema, 1, std::move(copied));
    apply_ops(0, FinishCopy{schema->oid, 1, {}, schema, 7});
    apply_ops(0, set(schema, TableState::live, 1));
  }
  void copy(const TableSchemaPtr& schema, Attempt attempt, std::vector<TableChunk> copied) {
    auto writer = destination_->begin_copy(schema, attempt);
    ASSERT_TRUE(writer.has_value()) << writer.error().message();
    for (TableChunk& chunk : copied) {
      auto written = (*writer)->write(std::move(chunk));
      ASSERT_TRUE(written.has_value()) << written.error().message();
    }
    auto finished = (*writer)->finish();
    ASSERT_TRUE(finished.has_value()) << finished.error().message();
  }

  static std::vector<std::string> query(ReadHandle& reader, const std::string& sql) {
    std::vector<std::string> out;
    auto done = reader.query(
        sql, [](const auto&) {},
        [&](const ReadHandle::Row& row) {
          std::string line;
          for (const auto& value : row) line += (line.empty() ? "" : "|") + value.value_or("NULL");
          out.push_back(line);
        });
    EXPECT_TRUE(done.has_value()) << (done ? "" : done.error().message());
    return out;
  }
  std::vector<std::string> query(const std::string& sql) {
    auto reader = destination_->read();
    EXPECT_TRUE(reader.has_value()) << (reader ? "" : reader.error().message());
    return reader ? query(**reader, sql) : std::vector<std::string>{};
  }

  std::string directory_;
  DuckdbOptions options_;
  OpenRequest request_;
  std::unique_ptr<Destination> destination_;
  std::uint64_t batches_ = 0;
};

}  // namespace luge::mirror_test
