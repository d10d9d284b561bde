#pragma once
#include <gmock/gmock.h>

#include "conformance/destination_session.h"
#include "support/chunk_maker.h"

namespace luge::conformance {

using namespace chunk_test;  // NOLINT: the builders are words of these tests

inline TableSchemaPtr users(RelationOid oid = 1, const std::string& name = "users") {
  return shape(oid, {"public", name}, {column("id", 1, ValueKind::int64), column("name", 2, ValueKind::text), column("bio", 3, ValueKind::text)},
               {0});
}

inline std::shared_ptr<const ArrowColumn> one_value(const ColumnSchema& column, const Value& value) {
  auto out = std::make_shared<ArrowColumn>(empty_column(column.value));
  append(*out, value);
  return out;
}

inline Rows live(ChunkMaker& maker) { return {{}, maker.take()}; }
inline Rows pending(ChunkMaker& maker, Attempt attempt) { return {{Route::Kind::pending, attempt}, maker.take()}; }
inline Truncate truncate(RelationOid oid, std::uint64_t lsn, std::uint64_t ordinal, Xid xid = 0, Route route = {}) {
  return {oid, route, {1, Lsn{lsn}, ordinal}, xid, {}};
}

/// What every Destination must do, seen as the pipeline sees it: through a DestinationWorker.
/// Instantiate with INSTANTIATE_TEST_SUITE_P(Name, DestinationConformance, testing::Values(quirks)).
class DestinationConformance : public testing::TestWithParam<DestinationQuirks> {
 protected:
  static constexpr Epoch kEpoch = 1;

  OpenRequest request(Fence fence) const {
    OpenRequest request;
    request.pipeline = "p";
    request.fence = fence;
    request.expected_uuid = uuid_;
    request.source_description = "test";
    return request;
  }
  Result<std::unique_ptr<DestinationSession>> try_open(Fence fence) {
    return DestinationSession::open(GetParam().make(place_, fence), request(fence));
  }
  /// The first process, or the next one.
  const Frontier& open() {
    session_.reset();
    auto opened = try_open(++fence_);
    EXPECT_TRUE(opened) << opened.error().message();
    if (!opened) throw std::runtime_error("the destination does not open");
    session_ = std::move(*opened);
    uuid_ = session_->opened().mirror_uuid;
    return session_->opened();
  }
  const Frontier& close_and_open() {
    const Status closed = session_->close();
    EXPECT_TRUE(closed) << closed.error().message();
    return open();
  }

  Batch batch(std::uint64_t lsn, bool complete = true) {
    Batch out;
    out.id = ++batches_;
    out.complete = complete;
    out.checkpoint = {kEpoch, Lsn{lsn}, lsn == 0 ? Lsn{} : Lsn{lsn + 1}};
    return out;
  }
  template <class... Ops>
  Batch batch_of(std::uint64_t lsn, bool complete, Ops... ops) {
    Batch out = batch(lsn, complete);
    (out.ops.emplace_back(std::move(ops)), ...);
    return out;
  }
  Frontier deliver(Batch batch) {
    const bool complete = batch.complete;
    const Lsn to = batch.checkpoint.commit_lsn;
    session_->submit(std::move(batch));
    auto outcome = session_->next_outcome();
    EXPECT_TRUE(outcome) << outcome.error().message();
    if (!outcome) return {};
    if (complete) {
      EXPECT_GE(outcome->checkpoint.commit_lsn, to) << "an answer is a promise";
      checkpoint_ = std::max(checkpoint_, to.value);
    }
    return std::move(*outcome);
  }
  /// One transaction, or several that end at `lsn`.
  template <class... Ops>
  Frontier deliver_at(std::uint64_t lsn, Ops... ops) {
    return deliver(batch_of(lsn, true, std::move(ops)...));
  }
  /// Between two transactions.
  template <class... Ops>
  Frontier deliver_now(Ops... ops) {
    return deliver(batch_of(checkpoint_, true, std::move(ops)...));
  }

  static SetTable set(const TableSchemaPtr& schema, TableState state, Attempt attempt) {
    TableRecord record;
    record.oid = schema->oid;
    record.name = schema->name;
    record.state = state;
    record.attempt = attempt;
    return {record};
  }
  void copy(const TableSchemaPtr& schema, Attempt attempt, std::vector<TableChunk> chunks) {
    auto writer = session_->destination().begin_copy(schema, attempt);
    ASSERT_TRUE(writer) << writer.error().message();
    for (TableChunk& chunk : chunks) {
      const Status written = (*writer)->write(std::move(chunk));
      ASSERT_TRUE(written) << written.error().message();
    }
    const Status finished = (*writer)->finish();
    ASSERT_TRUE(finished) << finished.error().message();
  }
  static std::vector<TableChunk> chunks_of(ChunkMaker& maker) {
    std::vector<TableChunk> chunks;
    chunks.push_back(maker.take());
    return chunks;
  }
  /// A live table, by way of a copy.
  void make_table(const TableSchemaPtr& schema, std::vector<TableChunk> copied = {}) {
    deliver_now(set(schema, TableState::waiting, 1));
    copy(schema, 1, std::move(copied));
    deliver_now(FinishCopy{schema->oid, 1, {1, 1, {}}, schema, 7});
    deliver_now(set(schema, TableState::live, 1));
  }

  static std::vector<std::string> query(ReadHandle& reader, const std::string& sql) {
    std::vector<std::string> out;
    const Status done = reader.query(
        sql, [](const auto&) {},
        [&](const ReadHandle::Row& row) {
          std::string line;
          for (const auto& value : row) line += (line.empty() ? "" : "|") + value.value_or("NULL");
          out.push_back(line);
        });
    EXPECT_TRUE(done) << done.error().message() << "\n" << sql;
    std::sort(out.begin(), out.end());
    return out;
  }
  std::shared_ptr<ReadHandle> barrier() {
    const Frontier frontier = deliver_now(Barrier{++barriers_});
    EXPECT_EQ(frontier.barriers.size(), 1U);
    if (frontier.barriers.size() != 1) throw std::runtime_error("no reader");
    EXPECT_EQ(frontier.barriers[0].id, barriers_);
    return frontier.barriers[0].reader;
  }
  /// Current state, sorted, by a reader of what is durable now.
  std::vector<std::string> rows(const TableSchemaPtr& schema) { return rows(*barrier(), schema); }
  std::vector<std::string> rows(ReadHandle& reader, const TableSchemaPtr& schema) {
    std::string columns;
    for (const ColumnSchema& column : schema->columns) columns += (columns.empty() ? "" : ", ") + GetParam().text(column);
    return query(reader, "SELECT " + columns + " FROM " + GetParam().table(place_, schema->name));
  }
  /// If there is a log: each of so many changes is in it once.
  void expect_logged(const TableSchemaPtr& schema, std::size_t changes, std::size_t copied = 0) {
    if (!GetParam().log) return;
    const std::string log = GetParam().log(place_, schema->name);
    const auto counts = query(*barrier(), "SELECT COUNT(*), COUNT(DISTINCT \"_LUGE_POSITION\") FROM " + log);
    const std::string wanted = std::to_string(changes + (GetParam().copies_are_logged ? copied : 0));
    EXPECT_THAT(counts, testing::ElementsAre(wanted + "|" + wanted));
  }

  const std::string place_ = GetParam().new_place();
  std::string uuid_;
  Fence fence_ = 0;
  std::uint64_t batches_ = 0;
  std::uint64_t barriers_ = 0;
  std::uint64_t checkpoint_ = 0;
  std::unique_ptr<DestinationSession> session_;
};

}  // namespace luge::conformance
