#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "base/result.h"
#include "service/catalog/catalog_keyring.h"
#include "service/catalog/catalog_options.h"
#include "service/catalog/catalog_rows.h"

namespace luge {

/// How a secret stands in the catalog.
enum class SecretForm : std::uint8_t {
  none,         ///< empty
  environment,  ///< ${NAME}
  file,         ///< file:PATH, a file that only its owner may read
  encrypted,    ///< enc:… (catalog_keyring.h)
  plain,        ///< refused
};
SecretForm secret_form(std::string_view text);

/// Options that hold a secret: pat, oauth_token, private_key_passphrase and whatever is named like these. Not the paths of files, nor addresses.
bool is_secret_option(std::string_view name);

/// Whether this option's value as it stands is a secret in plain text: a secret option's own, or a password inside of an address, as in
/// state=redis://luge:PASSWORD@cache.
bool is_plain_secret(std::string_view option, std::string_view value);
/// The value of an option as people may see it, whoever wrote it.
std::string shown_option(std::string_view option, std::string_view value);

/// A secret as people may see it: references as they are, "encrypted with key ID" or "(hidden)".
std::string shown_secret(std::string_view text);
/// The same for a source's connection: a URL or conninfo whose password is hidden unless it is a reference.
std::string shown_conninfo(const std::string& conninfo);

/// The settings of a connection that hold one.
std::span<const std::string_view> secret_keywords();

// What an encrypted secret is bound to.
std::string conninfo_context(std::string_view source);
std::string option_context(RowKind kind, std::string_view row, std::string_view option);

/// Errors "plain_secret" (hint: how to write it) and those of the text itself. They never repeat a value.
Status refuse_plain_conninfo(const std::string& conninfo);
Status refuse_plain_options(const OptionMap& options);
/// The rows of an edit.
Status refuse_plain_secrets(const CatalogEdit& edit);

/// Opens references and encrypted secrets, at the moment it is asked: a file or a variable may have changed since the last time.
class SecretResolver {
 public:
  using Environment = CatalogKeyring::Environment;
  SecretResolver(CatalogKeyring keyring, Environment environment) : keyring_(std::move(keyring)), environment_(std::move(environment)) {}

  /// A whole value; what is no reference stays as it is. Errors: "secret_unset", "secret_file", those of decrypt().
  Result<std::string> resolve(std::string_view text, std::string_view context) const;
  /// ${NAME} inside of a longer text too. `$${` is a literal "${".
  Result<std::string> expand(std::string_view text, std::string_view context) const;
  /// A conninfo or URL as key='value' settings with every secret in its place: secrets need no escaping for a URL.
  Result<std::string> resolve_conninfo(const std::string& conninfo, std::string_view context) const;
  Status resolve_options(OptionMap& options, RowKind kind, std::string_view row) const;

  const CatalogKeyring& keyring() const { return keyring_; }

 private:
  CatalogKeyring keyring_;
  Environment environment_;
};

}  // namespace luge
