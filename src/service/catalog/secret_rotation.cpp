#include "service/catalog/secret_rotation.h"

#include <string>
#include <utility>

#include "service/catalog/catalog_options.h"
#include "service/catalog/conninfo_text.h"
#include "service/catalog/secret_text.h"

namespace luge {

namespace {

/// True: it was encrypted with another key, and is with the current one now.
Result<bool> encrypt_again(std::string& text, const std::string& context, const CatalogKeyring& keyring) {
  if (secret_form(text) != SecretForm::encrypted || CatalogKeyring::key_id(text) == keyring.current_id()) return false;
  TRY(const std::string secret, keyring.decrypt(text, context));
  TRY(text, keyring.encrypt(secret, context));
  return true;
}

Result<bool> encrypt_options_again(std::string& json, RowKind kind, const std::string& row, const CatalogKeyring& keyring) {
  auto options = parse_options(json);
  if (!options) return false;  // nobody can use them, whoever wrote them
  bool changed = false;
  for (auto& [name, value] : *options) {
    TRY(const bool again, encrypt_again(value, option_context(kind, row, name), keyring));
    changed = changed || again;
  }
  if (changed) json = write_options(*options);
  return changed;
}

Result<bool> encrypt_conninfo_again(SourceRow& row, const CatalogKeyring& keyring) {
  const std::string context = conninfo_context(row.name);
  if (secret_form(row.conninfo) == SecretForm::encrypted) return encrypt_again(row.conninfo, context, keyring);
  auto keywords = ConnectionOptions::written(row.conninfo);
  if (!keywords) return false;
  bool changed = false;
  for (auto& [keyword, value] : *keywords) {
    TRY(const bool again, encrypt_again(value, context, keyring));
    changed = changed || again;
  }
  if (changed) row.conninfo = conninfo_text(*keywords);
  return changed;
}

}  // namespace

Result<std::vector<CatalogEdit>> rotate_secrets(const CatalogContents& contents, const CatalogKeyring& keyring) {
  std::vector<CatalogEdit> edits;
  for (auto [name, row] : contents.sources) {  // a copy
    TRY(const bool conninfo, encrypt_conninfo_again(row, keyring));
    TRY(const bool options, encrypt_options_again(row.options, RowKind::source, row.name, keyring));
    if (conninfo || options) edits.emplace_back(std::move(row));
  }
  for (auto [name, row] : contents.destinations) {
    TRY(const bool changed, encrypt_options_again(row.options, RowKind::destination, row.name, keyring));
    if (changed) edits.emplace_back(std::move(row));
  }
  for (auto [name, row] : contents.pipelines) {
    TRY(const bool changed, encrypt_options_again(row.options, RowKind::pipeline, row.name, keyring));
    if (changed) edits.emplace_back(std::move(row));
  }
  return edits;
}

}  // namespace luge
