#include <algorithm>
#include <chrono>
#include <libpq-fe.h>
#include <poll.h>
#include <vector>

#include "postgres/connection.h"
#include "postgres/pinned_settings.h"
#include "postgres/postgres_error.h"

namespace luge {

namespace {

using Deadline = std::chrono::steady_clock::time_point;

constexpr auto kStopCheckEvery = std::chrono::milliseconds(100);

/// False: the deadline passed, or a stop was requested.
bool wait_for(int socket, short events, Deadline deadline, const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now()).count();
    if (left <= 0) return false;
    pollfd entry{socket, events, 0};
    if (poll(&entry, 1, static_cast<int>(std::min<std::int64_t>(left, kStopCheckEvery.count()))) > 0) return true;
  }
  return false;
}

struct Parameters {
  std::vector<const char*> keywords;
  std::vector<const char*> values;
  void add(const char* keyword, const char* value) {
    keywords.push_back(keyword);
    values.push_back(value);
  }
};

void ignore_notice(void* /*unused*/, const pg_result* /*unused*/) {}  // notices may quote data, and stderr is luge's log

}  // namespace

// PQconnectdb would not let us ask for verbose errors first, and those alone carry the SQLSTATE of a refused connection.
Result<Connection> Connection::connect(const ConnectionOptions& options, Kind kind, const std::stop_token& stop) {
  const std::string startup = startup_options(options.get("options"));
  Parameters parameters;
  for (const auto& [keyword, value] : options.keywords()) {
    if (keyword != "options" && keyword != "client_encoding") parameters.add(keyword.c_str(), value.c_str());
  }
  parameters.add("options", startup.c_str());
  parameters.add("client_encoding", "UTF8");
  if (kind == Kind::replication) parameters.add("replication", "database");
  parameters.add(nullptr, nullptr);

  const Deadline deadline = std::chrono::steady_clock::now() + std::chrono::seconds(options.connect_timeout_s());
  Connection connection(PQconnectStartParams(parameters.keywords.data(), parameters.values.data(), 0));
  PGconn* raw = connection.connection_.get();
  ENSURE(raw != nullptr, "memory for a connection");
  PQsetErrorVerbosity(raw, PQERRORS_VERBOSE);
  PQsetNoticeReceiver(raw, ignore_notice, nullptr);
  if (PQstatus(raw) == CONNECTION_BAD) return error_from_connect(PQerrorMessage(raw), options.redacted(), !options.is_local());

  PostgresPollingStatusType state = PGRES_POLLING_WRITING;
  while (state != PGRES_POLLING_OK) {
    const auto events = static_cast<short>(state == PGRES_POLLING_READING ? POLLIN : POLLOUT);
    if (!wait_for(PQsocket(raw), events, deadline, stop)) {
      if (stop.stop_requested())
        return make_error(Recovery::reconnect, "stopped", "connecting to " + options.redacted() + " was given up: luge stops");
      return make_error(Recovery::reconnect, "unreachable",
                        "no answer from " + options.redacted() + " within " + std::to_string(options.connect_timeout_s()) + " s",
                        "check host, port and firewall");
    }
    state = PQconnectPoll(raw);
    if (state == PGRES_POLLING_FAILED) {
      Error error = error_from_connect(PQerrorMessage(raw), options.redacted(), !options.is_local());
      if (PQconnectionNeedsPassword(raw) != 0) {
        error.recovery = Recovery::stop_pipeline;
        error.code = "28P01";
        error.hint = "the server asks for a password: set PGPASSWORD, or add a line to ~/.pgpass";
      }
      return error;
    }
  }
  PQsetErrorVerbosity(raw, PQERRORS_TERSE);  // no DETAIL in texts either
  connection.server_version_ = PQserverVersion(raw);
  connection.description_ = std::string(PQuser(raw)) + "@" + PQhost(raw) + ":" + PQport(raw) + "/" + PQdb(raw);
  return connection;
}

}  // namespace luge
