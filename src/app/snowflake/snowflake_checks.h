#pragma once
#include <vector>

#include "app/check.h"
#include "app/snowflake/snowflake_session.h"
#include "destination/snowflake/snowflake_options.h"

namespace luge {

/// Whether luge could replicate into Snowflake with these options (complete_snowflake has passed): key, network, TLS, clock, sign-in, role,
/// database, schema, warehouse, grants. Reads only, wakes no warehouse, and ends within seconds. Stops at what makes the rest senseless.
std::vector<Check> check_snowflake(const SnowflakeOptions& options);

/// The same through a session that is there: for tests.
std::vector<Check> check_snowflake(const SnowflakeOptions& options, HttpClient& http, TokenSource& tokens, SqlClient& sql, const Clock& clock);

/// transport sdk: the bridge, its Python and Snowflake's SDK are there; starts the interpreter, once per process. Error codes: PythonBridge::start.
Status check_python(const SnowflakeOptions& options);

/// Local time minus that of an HTTP Date header; nullopt: no such date.
std::optional<Duration> clock_difference(std::string_view date, const Clock& clock);

}  // namespace luge
