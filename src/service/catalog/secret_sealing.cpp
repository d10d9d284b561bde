#include "service/catalog/secret_sealing.h"

#include <string>
#include <vector>

#include "postgres/connection_options.h"
#include "service/catalog/catalog_options.h"
#include "service/catalog/conninfo_text.h"
#include "service/catalog/secret_text.h"

namespace luge {

namespace {

using Texts = std::map<std::string, std::string, std::less<>>;

/// `secret` encrypted: as it is stored already, or anew.
Result<std::string> sealed(const std::string& secret, const Texts& stored, const std::string& name, const std::string& context,
                           const CatalogKeyring& keyring) {
  const auto found = stored.find(name);
  if (found != stored.end() && secret_form(found->second) == SecretForm::encrypted) {
    // What a lost key encrypted is replaced.
    if (const auto opened = keyring.decrypt(found->second, context); opened && *opened == secret) return found->second;
  }
  return keyring.encrypt(secret, context);
}

Status seal_option_secrets(std::string& text, const std::string* stored, RowKind kind, const std::string& row, const CatalogKeyring& keyring) {
  if (keyring.current_id().empty()) return ok();
  auto options = parse_options(text);
  if (!options) return ok();  // whoever checks the row says what is wrong with it
  OptionMap before;
  if (stored != nullptr) {
    if (auto parsed = parse_options(*stored)) before = std::move(*parsed);
  }
  bool any = false;
  for (auto& [name, value] : *options) {
    if (!is_plain_secret(name, value)) continue;
    TRY(value, sealed(value, before, name, option_context(kind, row, name), keyring));
    any = true;
  }
  if (any) text = write_options(*options);
  return ok();
}

template <class Row>
const Row* stored_row(const std::map<std::string, Row, std::less<>>& rows, const std::string& name) {
  const auto found = rows.find(name);
  return found == rows.end() ? nullptr : &found->second;
}

}  // namespace

Status seal_secrets(SourceRow& row, const SourceRow* stored, const CatalogKeyring& keyring) {
  CHECK_OK(seal_option_secrets(row.options, stored == nullptr ? nullptr : &stored->options, RowKind::source, row.name, keyring));
  if (keyring.current_id().empty() || refuse_plain_conninfo(row.conninfo)) return ok();
  auto keywords = ConnectionOptions::written(row.conninfo);
  if (!keywords) return ok();  // as above
  Texts before;
  if (stored != nullptr) {
    if (auto parsed = ConnectionOptions::written(stored->conninfo)) before = std::move(*parsed);
  }
  for (const std::string_view keyword : secret_keywords()) {
    const auto found = keywords->find(keyword);
    if (found == keywords->end() || secret_form(found->second) != SecretForm::plain) continue;
    TRY(found->second, sealed(found->second, before, found->first, conninfo_context(row.name), keyring));
  }
  row.conninfo = conninfo_text(*keywords);
  return ok();
}

Status seal_secrets(DestinationRow& row, const DestinationRow* stored, const CatalogKeyring& keyring) {
  return seal_option_secrets(row.options, stored == nullptr ? nullptr : &stored->options, RowKind::destination, row.name, keyring);
}

Status seal_secrets(PipelineRow& row, const PipelineRow* stored, const CatalogKeyring& keyring) {
  return seal_option_secrets(row.options, stored == nullptr ? nullptr : &stored->options, RowKind::pipeline, row.name, keyring);
}

Status seal_secrets(CatalogDocument& document, const CatalogContents& stored, const CatalogKeyring& keyring) {
  for (SourceRow& row : document.sources) CHECK_OK(seal_secrets(row, stored_row(stored.sources, row.name), keyring));
  for (DestinationRow& row : document.destinations) CHECK_OK(seal_secrets(row, stored_row(stored.destinations, row.name), keyring));
  for (PipelineRow& row : document.pipelines) CHECK_OK(seal_secrets(row, stored_row(stored.pipelines, row.name), keyring));
  return ok();
}

}  // namespace luge
