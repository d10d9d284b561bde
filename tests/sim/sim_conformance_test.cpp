#include <algorithm>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "conformance/destination_conformance.h"
#include "sim/sim_destination.h"

// The simulated destination, away from any world: what the simulator proves of the pipeline holds as far as this one is a Destination.

namespace luge::conformance {
namespace {

/// Without a source nothing is known of what should come; what cannot be taken in is an error, as with any destination.
class NobodysWatcher final : public DestinationWatcher {
 public:
  Status verdict() const { return broken_ ? Status(*broken_) : ok(); }

  void fail(std::string invariant, std::string what) override {
    if (!broken_) broken_ = fatal(invariant, std::move(what));
  }
  void needless(std::string, std::string) override {}
  bool check_run(const TableChunk&, std::uint32_t, const TransactionRun&, const CopyNotes&) override { return true; }
  void destination_committed(const MirrorStore&) override {}
  Xid next_xid() const override { return 0; }
  std::uint32_t course() const override { return 0; }

 private:
  std::optional<Error> broken_;
};

/// What all processes share.
struct Disk {
  Disk() { destination.watched_by(watcher); }

  std::mutex mutex;
  const Instant now{0};
  const Trace trace{false, now};
  Marks marks;
  NobodysWatcher watcher;
  SimDestination destination{trace, marks};
};

Disk& disk_at(const std::string& place) {
  static std::map<std::string, Disk> disks;
  return disks[place];
}

/// Holds what was there at one moment, and understands one statement: SELECT column, column FROM schema.table
class MomentReader final : public ReadHandle {
 public:
  explicit MomentReader(MirrorStore store) : store_(std::move(store)) {}

  Status query(std::string_view sql, const OnColumns& on_columns, const OnRow& on_row) override {
    constexpr std::string_view kSelect = "SELECT ";
    constexpr std::string_view kFrom = " FROM ";
    const std::size_t from = sql.find(kFrom);
    if (!sql.starts_with(kSelect) || from == std::string_view::npos) return refused();
    const MirrorRows* rows = find(sql.substr(from + kFrom.size()));
    if (rows == nullptr) return refused();
    std::vector<std::string> names;
    std::vector<std::size_t> columns;
    for (std::string_view list = sql.substr(kSelect.size(), from - kSelect.size()); !list.empty();) {
      names.emplace_back(list.substr(0, list.find(", ")));
      list.remove_prefix(std::min(list.size(), names.back().size() + 2));
      const auto& known = rows->schema()->columns;
      const auto column = std::find_if(known.begin(), known.end(), [&](const ColumnSchema& c) { return c.name == names.back(); });
      if (column == known.end()) return refused();
      columns.push_back(static_cast<std::size_t>(column - known.begin()));
    }
    on_columns(names);
    for (const auto& [key, entry] : rows->entries()) {
      Row row;
      for (const std::size_t column : columns) row.push_back(in_words(rows->schema()->columns[column], entry.values[column]));
      for (std::uint32_t copy = 0; copy < entry.copies; ++copy) on_row(row);
    }
    return ok();
  }

 private:
  static Status refused() { return fatal("unsupported", "a simulated destination selects columns of one of its tables"); }
  const MirrorRows* find(std::string_view name) const {
    for (const auto& [oid, table] : store_.tables) {
      if (table->rows.schema() && to_string(table->record.name) == name) return &table->rows;
    }
    return nullptr;
  }
  /// Cells are PostgreSQL's text, which the suite speaks but for this.
  static Cell in_words(const ColumnSchema& column, const Cell& cell) {
    if (column.value.kind != ValueKind::boolean || !cell) return cell;
    return *cell == "t" ? "true" : "false";
  }

  const MirrorStore store_;
};

class SimCopyWriter final : public CopyWriter {
 public:
  SimCopyWriter(Disk& disk, Fence fence, RelationOid oid, Attempt attempt) : disk_(disk), fence_(fence), oid_(oid), attempt_(attempt) {}

  Status write(TableChunk chunk) override {
    std::lock_guard lock(disk_.mutex);
    CHECK_OK(disk_.destination.write_copy(fence_, oid_, attempt_, chunk));
    return disk_.watcher.verdict();
  }
  Status finish() override {
    std::lock_guard lock(disk_.mutex);
    return disk_.destination.finish_copy(fence_, oid_, attempt_);
  }

 private:
  Disk& disk_;
  const Fence fence_;
  const RelationOid oid_;
  const Attempt attempt_;
};

/// One process in front of the disk: what SimSink, SimCopy and LugeInstance are to it in a world.
class SimDestinationAdapter final : public Destination {
 public:
  explicit SimDestinationAdapter(Disk& disk) : disk_(disk) {}

  Result<Frontier> open(const OpenRequest& request) override {
    std::lock_guard lock(disk_.mutex);
    fence_ = request.fence;
    writer_.emplace(disk_.destination, fence_);
    return disk_.destination.open(fence_);
  }
  Result<Frontier> apply(Batch batch) override {
    std::lock_guard lock(disk_.mutex);
    TRY(Frontier answer, writer_->apply(batch, batch.checkpoint.commit_lsn, {}));
    CHECK_OK(disk_.watcher.verdict());
    for (const BatchOp& op : batch.ops) {
      if (const auto* barrier = std::get_if<Barrier>(&op)) answer.barriers.push_back({barrier->id, reader()});
    }
    return answer;
  }
  Result<std::unique_ptr<CopyWriter>> begin_copy(TableSchemaPtr schema, Attempt attempt) override {
    std::lock_guard lock(disk_.mutex);
    CHECK_OK(disk_.destination.begin_copy(fence_, schema, attempt));
    return std::unique_ptr<CopyWriter>(std::make_unique<SimCopyWriter>(disk_, fence_, schema->oid, attempt));
  }
  Status drop_copy(RelationOid oid, Attempt attempt) override {
    std::lock_guard lock(disk_.mutex);
    return disk_.destination.drop_copy(fence_, oid, attempt);
  }
  Result<std::shared_ptr<ReadHandle>> read() override {
    std::lock_guard lock(disk_.mutex);
    return reader();
  }
  Status record_intent(const Intent& intent) override {
    std::lock_guard lock(disk_.mutex);
    return disk_.destination.record_intent(fence_, intent);
  }
  Status begin_epoch(Epoch epoch) override {
    std::lock_guard lock(disk_.mutex);
    return disk_.destination.begin_epoch(fence_, epoch);
  }
  Status close() override {
    writer_.reset();
    return ok();
  }

 private:
  std::shared_ptr<ReadHandle> reader() const { return std::make_shared<MomentReader>(disk_.destination.store()); }

  Disk& disk_;
  Fence fence_ = 0;
  std::optional<SimDestination::Writer> writer_;
};

DestinationQuirks simulated() {
  DestinationQuirks quirks;
  quirks.name = "simulated";
  quirks.new_place = [] {
    static int places = 0;
    return std::to_string(++places);
  };
  quirks.make = [](const std::string& place, Fence) { return std::make_unique<SimDestinationAdapter>(disk_at(place)); };
  // What its cells are made from; the simulated source has no other types.
  quirks.holds = [](ValueKind kind) {
    return kind == ValueKind::boolean || kind == ValueKind::int32 || kind == ValueKind::int64 || kind == ValueKind::text;
  };
  quirks.table = [](const std::string&, const TableName& name) { return to_string(name); };
  quirks.text = [](const ColumnSchema& column) { return column.name; };
  return quirks;
}

INSTANTIATE_TEST_SUITE_P(Simulated, DestinationConformance, testing::Values(simulated()));

}  // namespace
}  // namespace luge::conformance
