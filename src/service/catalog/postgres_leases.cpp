#include "service/catalog/postgres_leases.h"

#include <array>
#include <optional>

namespace luge {

namespace {

using Parameter = std::optional<std::string>;

// Waiting for a row must not make a lease longer than it was promised: the clock is read when the statement begins (now()).
constexpr const char* kLater = "pg_catalog.now() + $2::bigint * interval '1 millisecond'";

}  // namespace

Result<LeaseView> PostgresLeases::renew(const std::string& owner, Duration time_to_live, bool available) {
  LeaseView view;
  const std::array<Parameter, 2> values{owner, std::to_string(whole_ms(time_to_live))};
  const std::array<Parameter, 2> gone{owner, "-1000"};
  const Status status = session_.use([&](Connection& sql) -> Status {
    view = {};
    CHECK_OK(sql.query("INSERT INTO _luge.service_instance VALUES ($1, " + std::string(kLater) +
                           ") ON CONFLICT (owner) DO UPDATE SET expires_at = excluded.expires_at",
                       available ? values : gone));
    CHECK_OK(sql.query("UPDATE _luge.pipeline_lease SET expires_at = " + std::string(kLater) + " WHERE owner = $1", values));
    CHECK_OK(sql.exec("DELETE FROM _luge.service_instance WHERE expires_at < pg_catalog.now() - interval '1 hour'"));
    TRY(const QueryResult leases, sql.query("SELECT pipeline, owner, fence, expires_at < pg_catalog.now() FROM _luge.pipeline_lease "
                                            "ORDER BY pipeline COLLATE \"C\""));
    for (std::size_t row = 0; row < leases.rows(); ++row) {
      view.leases.push_back({{leases.string(row, 0), leases.string(row, 1), leases.number<std::int64_t>(row, 2)}, leases.boolean(row, 3)});
    }
    TRY(const QueryResult instances,
        sql.query("SELECT owner FROM _luge.service_instance WHERE expires_at >= pg_catalog.now() ORDER BY owner COLLATE \"C\""));
    for (std::size_t row = 0; row < instances.rows(); ++row) view.instances.push_back(instances.string(row, 0));
    return ok();
  });
  if (!status) return status.error();
  return view;
}

Result<std::optional<PipelineLease>> PostgresLeases::try_acquire(const std::string& pipeline, const std::string& owner, Duration time_to_live) {
  std::optional<PipelineLease> lease;
  const std::array<Parameter, 3> values{owner, std::to_string(whole_ms(time_to_live)), pipeline};
  const Status status = session_.use([&](Connection& sql) -> Status {
    TRY(const QueryResult taken, sql.query("INSERT INTO _luge.pipeline_lease AS held VALUES ($3, $1, 1, " + std::string(kLater) +
                                               ") ON CONFLICT (pipeline) DO UPDATE SET owner = excluded.owner, fence = held.fence + 1, "
                                               "expires_at = excluded.expires_at WHERE held.owner IN ('', excluded.owner) "
                                               "OR held.expires_at < pg_catalog.now() RETURNING fence",
                                           values));
    if (taken.rows() > 0) lease = PipelineLease{pipeline, owner, taken.number<std::int64_t>(0, 0)};
    return ok();
  });
  if (!status) return status.error();
  return lease;
}

Status PostgresLeases::release(const PipelineLease& lease) {
  const std::array<Parameter, 3> values{lease.pipeline, lease.owner, std::to_string(lease.fence)};
  return session_.use([&](Connection& sql) -> Status {
    // The row stays: its fence must never be given twice.
    CHECK_OK(
        sql.query("UPDATE _luge.pipeline_lease SET owner = '', expires_at = '-infinity' WHERE pipeline = $1 AND owner = $2 AND fence = $3", values));
    return ok();
  });
}

Status PostgresLeases::leave(const std::string& owner) {
  const std::array<Parameter, 1> values{owner};
  return session_.use([&](Connection& sql) -> Status {
    CHECK_OK(sql.query("UPDATE _luge.pipeline_lease SET owner = '', expires_at = '-infinity' WHERE owner = $1", values));
    CHECK_OK(sql.query("DELETE FROM _luge.service_instance WHERE owner = $1", values));
    return ok();
  });
}

}  // namespace luge
