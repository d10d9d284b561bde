#include "service/catalog/secret_rotation.h"

#include <string>
#include <utility>

#include "service/catalog/catalog_options.h"
#include "service/catalog/conninfo_text.h"
#include "service/catalog/secret_text.h"

namespace luge {

namespace {

/// The secrets of one catalog, one after the other.
class Rotation {
 public:
  explicit Rotation(const CatalogKeyring& keyring) : keyring_(keyring) {}

  Status rotate(SourceRow row) {
    const std::size_t before = done_.secrets;
    CHECK_OK(conninfo(row));
    CHECK_OK(options(row.options, RowKind::source, row.name));
    if (done_.secrets != before) done_.edits.emplace_back(std::move(row));
    return ok();
  }
  Status rotate(DestinationRow row) { return options_only(RowKind::destination, std::move(row)); }
  Status rotate(PipelineRow row) { return options_only(RowKind::pipeline, std::move(row)); }

  SecretRotation done() && { return std::move(done_); }

 private:
  template <class Row>
  Status options_only(RowKind kind, Row row) {
    const std::size_t before = done_.secrets;
    CHECK_OK(options(row.options, kind, row.name));
    if (done_.secrets != before) done_.edits.emplace_back(std::move(row));
    return ok();
  }

  Status options(std::string& json, RowKind kind, const std::string& row) {
    auto parsed = parse_options(json);
    if (!parsed) return ok();  // nobody can use them, whoever wrote them
    const std::size_t before = done_.secrets;
    for (auto& [name, value] : *parsed) CHECK_OK(secret(value, option_context(kind, row, name)));
    if (done_.secrets != before) json = write_options(*parsed);
    return ok();
  }

  Status conninfo(SourceRow& row) {
    const std::string context = conninfo_context(row.name);
    if (secret_form(row.conninfo) == SecretForm::encrypted) return secret(row.conninfo, context);
    auto keywords = ConnectionOptions::written(row.conninfo);
    if (!keywords) return ok();
    const std::size_t before = done_.secrets;
    for (auto& [keyword, value] : *keywords) CHECK_OK(secret(value, context));
    if (done_.secrets != before) row.conninfo = conninfo_text(*keywords);
    return ok();
  }

  Status secret(std::string& text, const std::string& context) {
    if (secret_form(text) != SecretForm::encrypted || CatalogKeyring::key_id(text) == keyring_.current_id()) return ok();
    auto opened = keyring_.decrypt(text, context);
    if (!opened) return in_context(std::move(opened).error(), context);
    TRY(text, keyring_.encrypt(*opened, context));
    ++done_.secrets;
    return ok();
  }

  static Error in_context(Error error, const std::string& context) {
    if (error.what.find(context) == std::string::npos) error.what = context + ": " + error.what;
    return error;
  }

  const CatalogKeyring& keyring_;
  SecretRotation done_;
};

}  // namespace

Result<SecretRotation> rotate_secrets(const CatalogContents& contents, const CatalogKeyring& keyring) {
  Rotation rotation(keyring);
  for (const auto& [name, row] : contents.sources) CHECK_OK(rotation.rotate(row));
  for (const auto& [name, row] : contents.destinations) CHECK_OK(rotation.rotate(row));
  for (const auto& [name, row] : contents.pipelines) CHECK_OK(rotation.rotate(row));
  return std::move(rotation).done();
}

}  // namespace luge
