#include "postgres/postgres_error.h"

#include <algorithm>
#include <cctype>
#include <libpq-fe.h>

#include "postgres/sqlstate.h"

namespace luge {

namespace {

std::string_view field(const pg_result* result, int code) {
  const char* text = PQresultErrorField(result, code);
  return text == nullptr ? std::string_view{} : std::string_view(text);
}

/// The five characters of ":  28P01: " in a verbose message; of the last host that was tried.
std::string_view find_sqlstate(std::string_view text) {
  for (std::size_t at = text.rfind(":  "); at != std::string_view::npos && at > 0; at = text.rfind(":  ", at - 1)) {
    const std::string_view code = text.substr(at + 3, 5);
    const auto is_code_character = [](char c) { return std::isdigit(static_cast<unsigned char>(c)) != 0 || (c >= 'A' && c <= 'Z'); };
    if (code.size() == 5 && text.substr(at + 8, 2) == ": " && std::all_of(code.begin(), code.end(), is_code_character)) return code;
  }
  return {};
}

std::string connect_hint(std::string_view code) {
  if (code == sqlstate::kInvalidPassword) return "check user and password: in the URL, PGPASSWORD or ~/.pgpass";
  if (code == sqlstate::kInvalidAuthorization) {
    return "allow this user, database and address in pg_hba.conf (and pg_reload_conf()); the user needs LOGIN";
  }
  if (code == sqlstate::kInvalidCatalogName) return "name an existing database in the URL: postgres://user@host/database";
  if (code == sqlstate::kInsufficientPrivilege) return "the user needs: ALTER ROLE <user> WITH LOGIN REPLICATION; and CONNECT on the database";
  if (code == sqlstate::kTooManyConnections) return "raise max_connections or max_wal_senders, or close other sessions";
  if (code == "57P03") return "the server is starting up or shutting down; luge tries again";
  return "";
}

/// libpq's own texts (fe-secure-openssl.c, fe-secure-common.c, fe-connect.c); "" for anything but TLS.
std::string tls_hint(std::string_view text) {
  const auto says = [&](std::string_view part) { return text.find(part) != std::string_view::npos; };
  if (says("does not match host name")) {
    return "connect by a name the certificate is made out to: host=NAME, and hostaddr=ADDRESS beside it where that name leads elsewhere";
  }
  if (says("host name must be specified")) return "name the server as its certificate does: host=NAME beside the address";
  if (says("certificate verify failed") || says("root certificate file")) {
    return "luge verifies the server's certificate: give the authority that issued it with sslrootcert=FILE in the source, or in PGSSLROOTCERT";
  }
  if (says("server does not support SSL")) {
    return "switch TLS on at the server (ssl = on), or say sslmode=disable in the source where the network between is trusted";
  }
  return "";
}

}  // namespace

std::string one_line(std::string_view text) {
  std::string out;
  for (char c : text) {
    if (c == '\n' || c == '\t' || c == '\r') c = ' ';
    if (c != ' ' || (!out.empty() && out.back() != ' ')) out += c;
  }
  while (!out.empty() && out.back() == ' ') out.pop_back();
  return out;
}

Error error_from_message(const ServerMessage& message, std::string_view where) {
  std::string what = "PostgreSQL at " + std::string(where) + ": ";
  std::string hint;
  if (primary_message_is_safe(message.sqlstate)) {
    what += one_line(message.primary);
    hint = one_line(message.hint);
  } else {
    what += "refused a statement (its message is left out, since it may quote a value)";
  }
  if (!message.table.empty()) what.append(", table ").append(message.schema).append(".").append(message.table);
  if (!message.column.empty()) what.append(", column ").append(message.column);
  return make_error(recovery_of_sqlstate(message.sqlstate), message.sqlstate, std::move(what), std::move(hint));
}

Error error_from_result(const pg_result* result, std::string_view where) {
  return error_from_message({.sqlstate = field(result, PG_DIAG_SQLSTATE),
                             .primary = field(result, PG_DIAG_MESSAGE_PRIMARY),
                             .hint = field(result, PG_DIAG_MESSAGE_HINT),
                             .schema = field(result, PG_DIAG_SCHEMA_NAME),
                             .table = field(result, PG_DIAG_TABLE_NAME),
                             .column = field(result, PG_DIAG_COLUMN_NAME)},
                            where);
}

Error error_from_connect(std::string_view text, std::string_view where, bool remote) {
  std::string kept;
  for (std::string_view rest = text; !rest.empty();) {
    const std::size_t end = rest.find('\n');
    const std::string_view line = rest.substr(0, end);
    if (!line.starts_with("LOCATION:") && !line.starts_with("DETAIL:") && !line.starts_with("CONTEXT:")) kept.append(line).append(" ");
    rest = end == std::string_view::npos ? std::string_view{} : rest.substr(end + 1);
  }
  const std::string_view code = find_sqlstate(text);
  std::string what = "cannot connect to " + std::string(where) + ": " + one_line(kept);
  if (code == sqlstate::kProtocolViolation) {
    return fatal("pooler", std::move(what),
                 "what answers refuses PostgreSQL's startup options, as poolers do: connect to PostgreSQL directly, on its own port");
  }
  if (!code.empty()) {
    Recovery recovery = recovery_of_sqlstate(code);
    if (recovery == Recovery::retry) recovery = Recovery::reconnect;
    return make_error(recovery, code, std::move(what), connect_hint(code));
  }
  if (std::string hint = tls_hint(text); !hint.empty()) return make_error(Recovery::reconnect, "tls", std::move(what), std::move(hint));
  return make_error(
      Recovery::reconnect, "unreachable", std::move(what),
      remote ? "check host, port and firewall; for a certificate of a private authority give sslrootcert=FILE, and without TLS on the server "
               "say sslmode=disable"
             : "check that PostgreSQL runs there: host or socket directory, and port");
}

}  // namespace luge
