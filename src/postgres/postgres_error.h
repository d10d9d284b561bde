#pragma once
#include <string>
#include <string_view>

#include "base/error.h"

struct pg_result;

namespace luge {

/// An ErrorResponse as an Error: code = SQLSTATE, recovery by sqlstate.h, the primary message where its class is safe, otherwise only
/// the names of schema, table and column. DETAIL and CONTEXT may hold row values and are never read.
Error error_from_result(const pg_result* result, std::string_view where);

/// The same without libpq: for tests of the rules.
struct ServerMessage {
  std::string_view sqlstate, primary, hint, schema, table, column;
};
Error error_from_message(const ServerMessage& message, std::string_view where);

/// A failed connection attempt. libpq gives no SQLSTATE there, so it is read from its verbose message ("FATAL:  28P01: …").
/// `text` is PQerrorMessage under PQERRORS_VERBOSE; `unverified_tls_hint` adds advice on certificates.
Error error_from_connect(std::string_view text, std::string_view where, bool remote);

/// Without line ends and trailing blanks.
std::string one_line(std::string_view text);

}  // namespace luge
