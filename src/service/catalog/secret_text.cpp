#include "service/catalog/secret_text.h"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>
#include <variant>

#include "postgres/connection_options.h"
#include "service/catalog/conninfo_text.h"
#include "service/catalog/secret_file.h"
#include "state/redis/redis_address.h"

namespace luge {

namespace {

constexpr std::string_view kFile = "file:";
constexpr std::string_view kState = "state";
constexpr std::array<std::string_view, 3> kSecretKeywords{"password", "sslpassword", "oauth_client_secret"};

bool is_variable_name(std::string_view name) {
  return !name.empty() && name.size() <= 255 && (name.front() < '0' || name.front() > '9') &&
         name.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") == std::string_view::npos;
}

/// ${A}, or several of them one after the other.
bool is_reference_to_environment(std::string_view text) {
  while (text.starts_with("${")) {
    const std::size_t end = text.find('}');
    if (end == std::string_view::npos || !is_variable_name(text.substr(2, end - 2))) return false;
    text.remove_prefix(end + 1);
    if (text.empty()) return true;
  }
  return false;
}

Error plain_secret(std::string_view where) {
  return fatal("plain_secret", std::string(where) + " is written in plain text, where everybody who reads the catalog would see it",
               "write a reference instead: ${VARIABLE} or file:PATH, or let luge encrypt it (LUGE_CATALOG_KEYS_FILE)");
}

/// The part in front of the @: of a Redis' address what its reader takes for it, of any other what a URL's grammar says.
std::optional<std::string_view> user_info(std::string_view url) {
  if (const auto credentials = RedisAddress::credentials(url)) return credentials;
  const std::size_t scheme = url.find("://");
  if (scheme == std::string_view::npos) return std::nullopt;
  url.remove_prefix(scheme + 3);
  const std::string_view authority = url.substr(0, url.find_first_of("/?#"));
  const std::size_t at = authority.rfind('@');
  if (at == std::string_view::npos) return std::nullopt;
  return authority.substr(0, at);
}

/// scheme://user:password@host, as Redis' and webhooks' addresses may be.
bool has_plain_password(std::string_view url) {
  const auto user = user_info(url);
  if (!user) return false;
  const std::size_t colon = user->find(':');
  if (colon == std::string_view::npos) return false;
  const std::string_view password = user->substr(colon + 1);
  return !password.empty() && !is_reference_to_environment(password);
}

bool is_whole_reference(std::string_view text) {
  const SecretForm form = secret_form(text);
  return form == SecretForm::environment || form == SecretForm::file || form == SecretForm::encrypted;
}

}  // namespace

SecretForm secret_form(std::string_view text) {
  if (text.empty()) return SecretForm::none;
  if (is_reference_to_environment(text)) return SecretForm::environment;
  if (text.starts_with(kFile) && text.size() > kFile.size()) return SecretForm::file;
  if (!CatalogKeyring::key_id(text).empty()) return SecretForm::encrypted;
  return SecretForm::plain;
}

bool is_secret_option(std::string_view name) {
  if (name.ends_with("_file") || name.ends_with("_path") || name.ends_with("_endpoint")) return false;
  if (name == "private_key") return true;
  while (!name.empty()) {
    const std::size_t end = name.find('_');
    const std::string_view word = name.substr(0, end);
    for (const std::string_view secret : {"password", "passphrase", "secret", "token", "pat", "credentials"}) {
      if (word == secret) return true;
    }
    name = end == std::string_view::npos ? std::string_view{} : name.substr(end + 1);
  }
  return false;
}

bool is_plain_secret(std::string_view option, std::string_view value) {
  return (is_secret_option(option) && secret_form(value) == SecretForm::plain) || has_plain_password(value);
}

std::string shown_option(std::string_view option, std::string_view value) {
  const bool hidden = is_secret_option(option) || has_plain_password(value) || secret_form(value) == SecretForm::encrypted;
  return hidden ? shown_secret(value) : std::string(value);
}

std::span<const std::string_view> secret_keywords() { return kSecretKeywords; }

std::string shown_secret(std::string_view text) {
  switch (secret_form(text)) {
    case SecretForm::none: return "";
    case SecretForm::environment:
    case SecretForm::file: return std::string(text);
    case SecretForm::encrypted: return "(encrypted with key " + std::string(CatalogKeyring::key_id(text)) + ")";
    case SecretForm::plain: break;
  }
  return "(hidden)";
}

std::string shown_conninfo(const std::string& conninfo) {
  if (is_whole_reference(conninfo)) return shown_secret(conninfo);
  auto keywords = ConnectionOptions::written(conninfo);
  if (!keywords) return "(not a connection)";
  for (const std::string_view keyword : kSecretKeywords) {
    if (const auto found = keywords->find(keyword); found != keywords->end()) found->second = shown_secret(found->second);
  }
  return conninfo_text(*keywords);
}

std::string conninfo_context(std::string_view source) { return "source/" + std::string(source) + "/conninfo"; }

std::string option_context(RowKind kind, std::string_view row, std::string_view option) {
  return std::string(to_string(kind)) + "/" + std::string(row) + "/options/" + std::string(option);
}

Status refuse_plain_conninfo(const std::string& conninfo) {
  if (is_whole_reference(conninfo)) return ok();
  TRY(const auto keywords, ConnectionOptions::written(conninfo));
  for (const std::string_view keyword : kSecretKeywords) {
    const auto found = keywords.find(keyword);
    if (found != keywords.end() && secret_form(found->second) == SecretForm::plain)
      return plain_secret("the " + std::string(keyword) + " of the source");
  }
  return ok();
}

Status refuse_plain_options(const OptionMap& options) {
  for (const auto& [name, value] : options) {
    if (is_plain_secret(name, value)) return plain_secret("the option " + name);
  }
  return ok();
}

Status refuse_plain_secrets(const CatalogEdit& edit) {
  const auto check = [](const std::string& options) -> Status {
    TRY(const OptionMap parsed, parse_options(options));
    return refuse_plain_options(parsed);
  };
  if (const auto* source = std::get_if<SourceRow>(&edit)) {
    CHECK_OK(refuse_plain_conninfo(source->conninfo));
    return check(source->options);
  }
  if (const auto* destination = std::get_if<DestinationRow>(&edit)) return check(destination->options);
  if (const auto* pipeline = std::get_if<PipelineRow>(&edit)) return check(pipeline->options);
  return ok();
}

Result<std::string> SecretResolver::resolve(std::string_view text, std::string_view context) const {
  switch (secret_form(text)) {
    case SecretForm::environment: return expand(text, context);
    case SecretForm::file: return read_secret_file(std::string(text.substr(kFile.size())), context);
    case SecretForm::encrypted: return keyring_.decrypt(text, context);
    case SecretForm::none:
    case SecretForm::plain: break;
  }
  return std::string(text);
}

Result<std::string> SecretResolver::expand(std::string_view text, std::string_view context) const {
  std::string out;
  while (!text.empty()) {
    if (text.starts_with("$${")) {
      out += "${";
      text.remove_prefix(3);
      continue;
    }
    const std::size_t end = text.starts_with("${") ? text.find('}') : std::string_view::npos;
    if (end == std::string_view::npos || !is_variable_name(text.substr(2, end - 2))) {
      out += text.front();
      text.remove_prefix(1);
      continue;
    }
    const std::string name(text.substr(2, end - 2));
    const auto value = environment_(name);
    if (!value) {
      return fatal("secret_unset", std::string(context) + ": the environment variable " + name + " is not set",
                   "set it where luge starts and start it again: what runs keeps the environment it began with. file:PATH is read again on SIGHUP");
    }
    out += *value;
    text.remove_prefix(end + 1);
  }
  return out;
}

Result<std::string> SecretResolver::resolve_conninfo(const std::string& conninfo, std::string_view context) const {
  if (is_whole_reference(conninfo)) return resolve(conninfo, context);
  TRY(auto keywords, ConnectionOptions::written(conninfo));
  for (auto& [keyword, value] : keywords) {
    const bool secret = std::ranges::find(kSecretKeywords, keyword) != kSecretKeywords.end();
    TRY(value, secret ? resolve(value, context) : expand(value, context));
  }
  return conninfo_text(keywords);
}

Status SecretResolver::resolve_options(OptionMap& options, RowKind kind, std::string_view row) const {
  for (auto& [name, value] : options) {
    const std::string context = option_context(kind, row, name);
    // A state's address is a secret only where it holds a password: then all of it is a reference, or encrypted.
    const bool secret = is_secret_option(name) || (name == kState && is_whole_reference(value));
    TRY(value, secret ? resolve(value, context) : expand(value, context));
  }
  return ok();
}

}  // namespace luge
