#include "postgres/connection_options.h"

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <fstream>
#include <libpq-fe.h>
#include <memory>
#include <sstream>
#include <vector>

#include "postgres/service_file.h"

namespace luge {

namespace {

constexpr const char* kDebianCaFile = "/etc/ssl/certs/ca-certificates.crt";

std::vector<std::string_view> split_list(std::string_view list) {
  std::vector<std::string_view> parts;
  while (true) {
    const std::size_t comma = list.find(',');
    parts.push_back(list.substr(0, comma));
    if (comma == std::string_view::npos) return parts;
    list.remove_prefix(comma + 1);
  }
}

bool is_local_host(std::string_view host) {
  const bool loopback = host.starts_with("127.") && host.find_first_not_of("0123456789.") == std::string_view::npos;  // and no name that begins so
  return host.empty() || host.front() == '/' || host.front() == '@' || host == "localhost" || host == "::1" || loopback;
}

std::optional<std::string> process_environment(const char* name) {
  const char* value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe): nothing in luge writes the environment
  if (value == nullptr) return std::nullopt;
  return std::string(value);
}

std::optional<std::string> read_file(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) return std::nullopt;
  std::ostringstream content;
  content << in.rdbuf();
  return std::move(content).str();
}

std::optional<std::map<std::string, std::string>> load_service(std::string_view service, const ConnectionOptions::Environment& environment) {
  std::vector<std::string> paths;
  if (auto path = environment("PGSERVICEFILE")) {
    paths.push_back(*path);
  } else if (auto home = environment("HOME")) {
    paths.push_back(*home + "/.pg_service.conf");
  }
  paths.push_back(environment("PGSYSCONFDIR").value_or("/etc/postgresql-common") + "/pg_service.conf");
  for (const std::string& path : paths) {
    if (auto content = read_file(path)) {
      if (auto values = parse_service_file(*content, service)) return values;
    }
  }
  return std::nullopt;
}

/// A password with an @ or a / moves the borders of a URL; its rest would then be shown as host, port or database.
bool looks_split_wrongly(std::string_view conninfo, const ConnectionOptions& options) {
  const std::string_view host = options.get("host");
  if (!host.starts_with('@') && host.find('@') != std::string_view::npos) return true;
  if (options.get("port").find_first_not_of("0123456789,") != std::string_view::npos) return true;
  const std::size_t authority = conninfo.find("://");
  const std::size_t path = authority == std::string_view::npos ? authority : conninfo.find('/', authority + 3);
  return path != std::string_view::npos && conninfo.substr(path, conninfo.find('?', path) - path).find('@') != std::string_view::npos;
}

Error bad_conninfo(std::string what, std::string hint) {
  Error error = fatal("bad_conninfo", std::move(what), std::move(hint));
  error.exit_code = ExitCode::usage;
  return error;
}

}  // namespace

Result<ConnectionOptions> ConnectionOptions::parse(std::string_view conninfo, std::string_view pipeline) {
  return parse(conninfo, pipeline, process_environment);
}

Result<ConnectionOptions::Keywords> ConnectionOptions::written(std::string_view conninfo) {
  if (conninfo.find('\0') != std::string_view::npos) return bad_conninfo("the source contains a NUL byte", "");
  char* message = nullptr;
  std::unique_ptr<PQconninfoOption, void (*)(PQconninfoOption*)> parsed(PQconninfoParse(std::string(conninfo).c_str(), &message), PQconninfoFree);
  if (!parsed) {
    PQfreemem(message);  // it may quote a piece of a mistyped password
    return bad_conninfo(
        "the source is neither a PostgreSQL URL nor a list of key=value settings",
        "write postgres://user@host:5432/database; percent-encode special characters of user and password (@ is %40, / is %2F), or keep "
        "the password in PGPASSWORD or ~/.pgpass");
  }
  ConnectionOptions options;
  for (const PQconninfoOption* option = parsed.get(); option->keyword != nullptr; ++option) {
    if (option->val != nullptr && *option->val != '\0') options.keywords_[option->keyword] = option->val;
  }
  if (looks_split_wrongly(conninfo, options)) {
    return bad_conninfo("the source reads as if user or password contained a special character that is not encoded",
                        "write %40 for @, %2F for /, %3A for :, %23 for # inside user and password");
  }
  return std::move(options.keywords_);
}

Result<ConnectionOptions> ConnectionOptions::parse(std::string_view conninfo, std::string_view pipeline, const Environment& environment) {
  ConnectionOptions options;
  TRY(options.keywords_, written(conninfo));
  std::string service(options.get("service"));
  if (service.empty()) service = environment("PGSERVICE").value_or("");
  if (!service.empty()) {
    const auto values = load_service(service, environment);
    if (!values) {
      return bad_conninfo("there is no service \"" + service + "\"", "add a [" + service + "] section to ~/.pg_service.conf, or set PGSERVICEFILE");
    }
    for (const auto& [keyword, value] : *values) options.keywords_.try_emplace(keyword, value);
    options.keywords_.erase("service");  // else libpq would read the file again
  }
  options.apply_defaults(pipeline, environment);
  return options;
}

void ConnectionOptions::apply_defaults(std::string_view pipeline, const Environment& environment) {
  keywords_.erase("replication");  // luge's own business, per connection
  if (auto options = environment("PGOPTIONS")) keywords_.try_emplace("options", *options);  // ours are added, which would hide the variable
  // What libpq would add by itself must be known here: it decides what the server is, and whether its name is verified.
  if (auto host = environment("PGHOST")) keywords_.try_emplace("host", *host);
  if (auto address = environment("PGHOSTADDR")) keywords_.try_emplace("hostaddr", *address);
  if (auto mode = environment("PGSSLMODE")) keywords_.try_emplace("sslmode", *mode);
  if (!environment("PGCONNECT_TIMEOUT")) keywords_.try_emplace("connect_timeout", "10");
  keywords_.try_emplace("application_name", "luge/" + std::string(pipeline));
  // Half-open connections are noticed within a minute; a copy may well wait longer than that for its turn in the source's I/O.
  keywords_.try_emplace("keepalives_idle", "20");
  keywords_.try_emplace("keepalives_interval", "10");
  keywords_.try_emplace("keepalives_count", "3");
  keywords_.try_emplace("tcp_user_timeout", "60000");
  if (is_local() || !get("sslmode").empty()) return;
  keywords_["sslmode"] = "verify-full";
  if (!get("sslrootcert").empty() || environment("PGSSLROOTCERT")) return;
  const std::string own = environment("HOME").value_or("") + "/.postgresql/root.crt";
  if (!std::ifstream(own) && std::ifstream(kDebianCaFile)) keywords_["sslrootcert"] = kDebianCaFile;  // sslrootcert=system needs libpq 16
}

std::string_view ConnectionOptions::get(std::string_view keyword) const {
  const auto found = keywords_.find(keyword);
  return found == keywords_.end() ? std::string_view{} : std::string_view(found->second);
}

std::string ConnectionOptions::redacted() const {
  std::string out;
  if (!get("user").empty()) out.append(get("user")).append("@");
  const std::string_view host = get("host").empty() ? get("hostaddr") : get("host");
  out.append(host.empty() ? "local" : host);
  if (!get("host").empty() && !get("hostaddr").empty()) out.append(" at ").append(get("hostaddr"));
  if (!get("port").empty()) out.append(":").append(get("port"));
  if (!get("dbname").empty()) out.append("/").append(get("dbname"));
  return out;
}

bool ConnectionOptions::is_local() const {
  const std::string_view hosts = get("hostaddr").empty() ? get("host") : get("hostaddr");
  for (std::string_view host : split_list(hosts)) {
    if (!is_local_host(host)) return false;
  }
  return true;
}

bool ConnectionOptions::tls_unverified() const { return !is_local() && get("sslmode") != "verify-full"; }

int ConnectionOptions::connect_timeout_s() const {
  int seconds = 10;
  const std::string_view text = get("connect_timeout");
  std::from_chars(text.data(), text.data() + text.size(), seconds);
  if (seconds <= 0) return 3600;  // libpq: zero means wait for ever
  const auto hosts = static_cast<int>(std::max(split_list(get("host")).size(), split_list(get("hostaddr")).size()));
  return (seconds < 2 ? 2 : seconds) * hosts;
}

}  // namespace luge
