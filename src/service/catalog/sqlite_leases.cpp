#include "service/catalog/sqlite_leases.h"

#include <chrono>
#include <utility>

#include "service/catalog/sqlite_database.h"

namespace luge {

namespace {

std::int64_t wall_ms() { return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::system_clock::now().time_since_epoch()).count(); }

constexpr std::int64_t kForgetInstanceMs = 3'600'000;

}  // namespace

SqliteLeases::SqliteLeases(std::unique_ptr<SqliteDatabase> database) : database_(std::move(database)) {}
SqliteLeases::~SqliteLeases() = default;

Result<std::unique_ptr<SqliteLeases>> SqliteLeases::open(const std::string& path) {
  // Who shares the file shares the machine, and its power failure: a lease that is forgotten there has no living owner.
  TRY(auto database, SqliteDatabase::open(path, SqliteDatabase::Commits::recent_ones_may_be_lost));
  return std::unique_ptr<SqliteLeases>(new SqliteLeases(std::move(database)));
}

Result<LeaseView> SqliteLeases::renew(const std::string& owner, Duration time_to_live, bool available) {
  const std::lock_guard lock(database_->mutex());
  LeaseView view;
  const Status status = database_->in_transaction([&]() -> Status {
    const std::int64_t now = wall_ms();
    SqliteQuery announce(*database_, "INSERT INTO service_instance VALUES (?1, ?2) ON CONFLICT (owner) DO UPDATE SET expires_at_ms = ?2");
    CHECK_OK(announce.bind(1, owner).bind(2, available ? now + whole_ms(time_to_live) : std::int64_t{0}).finish());
    SqliteQuery forget(*database_, "DELETE FROM service_instance WHERE expires_at_ms < ?1");
    CHECK_OK(forget.bind(1, now - kForgetInstanceMs).finish());
    SqliteQuery extend(*database_, "UPDATE pipeline_lease SET expires_at_ms = ?2 WHERE owner = ?1");
    CHECK_OK(extend.bind(1, owner).bind(2, now + whole_ms(time_to_live)).finish());
    SqliteQuery leases(*database_, "SELECT pipeline, owner, fence, expires_at_ms FROM pipeline_lease ORDER BY pipeline");
    while (true) {
      TRY(const bool row, leases.step());
      if (!row) break;
      view.leases.push_back({{leases.text(0), leases.text(1), leases.integer(2)}, leases.integer(3) < now});
    }
    SqliteQuery instances(*database_, "SELECT owner FROM service_instance WHERE expires_at_ms >= ?1 ORDER BY owner");
    instances.bind(1, now);
    while (true) {
      TRY(const bool row, instances.step());
      if (!row) return ok();
      view.instances.push_back(instances.text(0));
    }
  });
  if (!status) return status.error();
  return view;
}

Result<std::optional<PipelineLease>> SqliteLeases::try_acquire(const std::string& pipeline, const std::string& owner, Duration time_to_live) {
  const std::lock_guard lock(database_->mutex());
  std::optional<PipelineLease> lease;
  const Status status = database_->in_transaction([&]() -> Status {
    const std::int64_t now = wall_ms();
    SqliteQuery take(*database_,
                     "INSERT INTO pipeline_lease AS held VALUES (?1, ?2, 1, ?3) ON CONFLICT (pipeline) DO UPDATE SET owner = ?2, "
                     "fence = held.fence + 1, expires_at_ms = ?3 WHERE held.owner IN ('', ?2) OR held.expires_at_ms < ?4");
    TRY(const std::int64_t rows, take.bind(1, pipeline).bind(2, owner).bind(3, now + whole_ms(time_to_live)).bind(4, now).finish());
    if (rows == 0) return ok();
    SqliteQuery fence(*database_, "SELECT fence FROM pipeline_lease WHERE pipeline = ?1");
    TRY(const bool row, fence.bind(1, pipeline).step());
    if (row) lease = PipelineLease{pipeline, owner, fence.integer(0)};
    return ok();
  });
  if (!status) return status.error();
  return lease;
}

Status SqliteLeases::release(const PipelineLease& lease) {
  const std::lock_guard lock(database_->mutex());
  // The row stays: its fence must never be given twice.
  SqliteQuery give(*database_, "UPDATE pipeline_lease SET owner = '', expires_at_ms = 0 WHERE pipeline = ?1 AND owner = ?2 AND fence = ?3");
  CHECK_OK(give.bind(1, lease.pipeline).bind(2, lease.owner).bind(3, lease.fence).finish());
  return ok();
}

Status SqliteLeases::leave(const std::string& owner) {
  const std::lock_guard lock(database_->mutex());
  return database_->in_transaction([&]() -> Status {
    SqliteQuery give(*database_, "UPDATE pipeline_lease SET owner = '', expires_at_ms = 0 WHERE owner = ?1");
    CHECK_OK(give.bind(1, owner).finish());
    SqliteQuery go(*database_, "DELETE FROM service_instance WHERE owner = ?1");
    CHECK_OK(go.bind(1, owner).finish());
    return ok();
  });
}

}  // namespace luge
