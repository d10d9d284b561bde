#pragma once
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace luge {

/// The keys that open what is encrypted in the catalog: AES-256-GCM. An encrypted text is "enc:v1:KEY:BASE64", KEY the id of its key; it is
/// bound to a context (which row, which field), so that it cannot be moved to another one. Keys come from the environment (LUGE_CATALOG_KEYS)
/// or from a file (LUGE_CATALOG_KEYS_FILE), never from the catalog: lines "ID:BASE64 of 32 bytes". The first encrypts, all decrypt: to rotate,
/// put a new key first, encrypt everything again (rotate_secrets), take the old one away.
class CatalogKeyring {
 public:
  using Environment = std::function<std::optional<std::string>(const std::string& name)>;

  /// Without keys: nothing can be encrypted or decrypted.
  CatalogKeyring() = default;
  /// Lines, or parts separated by commas. Errors: "bad_key"; they never repeat a key. `where` is for messages.
  static Result<CatalogKeyring> parse(std::string_view text, std::string_view where);
  /// From the environment's variable, else its file; without either: no keys. A file that others may read is refused.
  static Result<CatalogKeyring> load(const Environment& environment);
  /// A new line for the file.
  static std::string make_key(std::string_view id);

  /// Errors: "no_key".
  Result<std::string> encrypt(std::string_view secret, std::string_view context) const;
  /// Errors: "unknown_key", "damaged_secret" (changed, moved from another row, or made with another key of that id).
  Result<std::string> decrypt(std::string_view text, std::string_view context) const;

  static bool is_encrypted(std::string_view text) { return text.starts_with("enc:"); }
  /// The id of the key that opens it; "": it is malformed.
  static std::string_view key_id(std::string_view text);
  /// The id of another key than the current one that stands somewhere in `text` before what it encrypts; "": there is none.
  std::string_view other_key_in(std::string_view text) const;
  /// The key that encrypts; "": there is none.
  std::string_view current_id() const;

 private:
  struct Key;
  struct Keys;
  std::shared_ptr<const Keys> keys_;
};

}  // namespace luge
