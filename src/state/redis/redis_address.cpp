#include "state/redis/redis_address.h"

#include <charconv>

namespace luge {

namespace {

constexpr std::uint16_t kSentinelPort = 26379;

Error bad(std::string what) {
  Error error = fatal("bad_state", "--state: " + std::move(what),
                      "write redis://[[USER]:PASSWORD@]HOST[:PORT][/DATABASE], or redis+sentinel://HOST[:PORT],HOST…/MASTER");
  error.exit_code = ExitCode::usage;
  return error;
}

bool is_redis_scheme(std::string_view scheme) {
  return scheme == "redis" || scheme == "rediss" || scheme == "redis+sentinel" || scheme == "rediss+sentinel";
}

template <class T>
std::optional<T> number(std::string_view text) {
  T value{};
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (problem != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<std::string> percent_decoded(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out += text[i];
      continue;
    }
    unsigned byte = 0;
    if (i + 2 >= text.size()) return std::nullopt;
    const auto [end, problem] = std::from_chars(text.data() + i + 1, text.data() + i + 3, byte, 16);
    if (problem != std::errc() || end != text.data() + i + 3) return std::nullopt;
    out += static_cast<char>(byte);
    i += 2;
  }
  return out;
}

/// Everything up to `mark`, which is taken off with it; the whole text where there is none.
std::string_view cut(std::string_view& text, char mark) {
  const std::size_t at = text.find(mark);
  const std::string_view head = text.substr(0, at);
  text = at == std::string_view::npos ? std::string_view() : text.substr(at + 1);
  return head;
}

Result<RedisAddress::Host> parse_host(std::string_view text, std::uint16_t port) {
  RedisAddress::Host host{{}, port};
  std::string_view rest;
  if (text.starts_with('[')) {  // an IPv6 address
    const std::size_t end = text.find(']');
    if (end == std::string_view::npos) return bad("an IPv6 address is not closed by ]");
    host.name = std::string(text.substr(1, end - 1));
    rest = text.substr(end + 1);
  } else {
    const std::size_t colon = text.find(':');
    host.name = std::string(text.substr(0, colon));
    rest = colon == std::string_view::npos ? std::string_view() : text.substr(colon);
  }
  if (host.name.empty()) return bad("a host is missing");
  if (rest.empty()) return host;
  const auto given = rest.starts_with(':') ? number<std::uint16_t>(rest.substr(1)) : std::nullopt;
  if (!given || *given == 0) return bad("a port is no number from 1 to 65535");
  host.port = *given;
  return host;
}

Status take_credentials(RedisAddress& address, std::string_view text) {
  const std::size_t colon = text.find(':');
  if (colon == std::string_view::npos) return bad("before @ stands USER:PASSWORD, or :PASSWORD");
  const auto user = percent_decoded(text.substr(0, colon));
  const auto password = percent_decoded(text.substr(colon + 1));
  if (!user || !password) return bad("user or password is not percent-encoded as a URL wants it");
  address.user = *user;
  address.password = *password;
  return ok();
}

}  // namespace

std::optional<std::string_view> RedisAddress::credentials(std::string_view text) {
  const std::size_t colon = text.find("://");
  if (colon == std::string_view::npos || !is_redis_scheme(text.substr(0, colon))) return std::nullopt;
  text.remove_prefix(colon + 3);
  const std::size_t at = text.rfind('@');
  if (at == std::string_view::npos) return std::nullopt;
  return text.substr(0, at);
}

Result<RedisAddress> RedisAddress::parse(std::string_view text) {
  RedisAddress address;
  const std::size_t colon = text.find("://");
  if (colon == std::string_view::npos) return bad("no scheme");
  const std::string_view scheme = text.substr(0, colon);
  if (!is_redis_scheme(scheme)) return bad("the scheme is none of redis, rediss, redis+sentinel");
  const bool sentinel = scheme.ends_with("+sentinel");
  address.tls = scheme.starts_with("rediss");
  std::string_view rest = text.substr(colon + 3);
  if (const auto written = credentials(text)) {
    CHECK_OK(take_credentials(address, *written));
    rest.remove_prefix(written->size() + 1);
  }

  std::string_view options = rest;
  rest = cut(options, '?');
  while (!options.empty()) {
    const std::string_view option = cut(options, '&');
    if (option != "may_lose=yes") return bad("an option is not known; there is may_lose=yes");
    address.may_lose = true;
  }
  std::string_view hosts = cut(rest, '/');
  do {
    TRY(Host host, parse_host(cut(hosts, ','), sentinel ? kSentinelPort : std::uint16_t{6379}));
    address.hosts.push_back(std::move(host));
  } while (!hosts.empty());
  if (sentinel) {
    const auto master = percent_decoded(cut(rest, '/'));
    if (!master || master->empty()) return bad("behind the sentinels stands /MASTER, the name they know it by");
    address.master = *master;
  } else if (address.hosts.size() > 1) {
    return bad("several hosts are for redis+sentinel://");
  }
  if (!rest.empty()) {
    const auto database = number<std::uint32_t>(rest);
    if (!database) return bad("the database is no number");
    address.database = *database;
  }
  return address;
}

std::string RedisAddress::redacted() const {
  std::string text = tls ? "rediss" : "redis";
  if (!master.empty()) text += "+sentinel";
  text += "://";
  for (std::size_t i = 0; i < hosts.size(); ++i) {
    const bool v6 = hosts[i].name.find(':') != std::string::npos;
    text += (i > 0 ? "," : "") + (v6 ? "[" + hosts[i].name + "]" : hosts[i].name) + ":" + std::to_string(hosts[i].port);
  }
  if (!master.empty()) text += "/" + master;
  if (database != 0) text += "/" + std::to_string(database);
  return text;
}

}  // namespace luge
