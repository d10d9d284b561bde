#include "service/catalog/secret_rotation.h"

#include <string>
#include <utility>

#include "service/catalog/catalog_options.h"
#include "service/catalog/conninfo_text.h"
#include "service/catalog/pipeline_spec.h"
#include "service/catalog/secret_text.h"

namespace luge {

namespace {

constexpr std::size_t kLongestList = 500;

/// The secrets of one catalog, one after the other.
class Rotation {
 public:
  explicit Rotation(const CatalogKeyring& keyring) : keyring_(keyring) {}

  Status rotate(SourceRow row) {
    const std::size_t before = done_.secrets;
    CHECK_OK(conninfo(row));
    CHECK_OK(options(row.options, RowKind::source, row.name));
    return keep(RowKind::source, std::move(row), before);
  }
  Status rotate(DestinationRow row) { return options_only(RowKind::destination, std::move(row)); }
  Status rotate(PipelineRow row) { return options_only(RowKind::pipeline, std::move(row)); }

  Result<SecretRotation> done() && {
    if (!unread_.empty()) {
      return fatal("unreadable_secret", "nothing was encrypted again, since luge cannot read what may be secrets of other keys: " + unread_,
                   "correct or remove these rows and rotate again; until then keep every key");
    }
    return std::move(done_);
  }

 private:
  template <class Row>
  Status options_only(RowKind kind, Row row) {
    const std::size_t before = done_.secrets;
    CHECK_OK(options(row.options, kind, row.name));
    return keep(kind, std::move(row), before);
  }

  template <class Row>
  Status keep(RowKind kind, Row row, std::size_t before) {
    if (done_.secrets == before) return ok();
    const std::string name = row_text(kind, row.name);
    const CatalogEdit& edit = done_.edits.emplace_back(std::move(row));
    Status good = refuse_plain_secrets(edit);  // as the catalog will, which does not say which row it means
    return good ? ok() : Status(in_context(std::move(good).error(), name));
  }

  Status options(std::string& json, RowKind kind, const std::string& row) {
    if (auto parsed = parse_options(json)) {
      const std::size_t before = done_.secrets;
      for (auto& [name, value] : *parsed) CHECK_OK(secret(value, option_context(kind, row, name)));
      if (done_.secrets != before) json = write_options(*parsed);
    }
    note_unread(json, row_text(kind, row) + " (options");
    return ok();
  }

  Status conninfo(SourceRow& row) {
    const std::string context = conninfo_context(row.name);
    if (secret_form(row.conninfo) == SecretForm::encrypted) return secret(row.conninfo, context);
    if (auto keywords = ConnectionOptions::written(row.conninfo)) {
      const std::size_t before = done_.secrets;
      for (auto& [keyword, value] : *keywords) CHECK_OK(secret(value, context));
      if (done_.secrets != before) row.conninfo = conninfo_text(*keywords);
    }
    note_unread(row.conninfo, row_text(RowKind::source, row.name) + " (conninfo");
    return ok();
  }

  /// What cannot be taken apart may hold a secret all the same, and whoever corrects it later needs its key. `text`: after its secrets were
  /// encrypted again. Of one that is too long the end was not read.
  void note_unread(const std::string& text, const std::string& where) {
    const std::string_view other = keyring_.other_key_in(text);
    const bool cut = text.size() > kLongestCatalogText;
    if (other.empty() && !cut) return;
    if (unread_.size() > kLongestList) return;  // there is enough to correct
    unread_ += (unread_.empty() ? "" : ", ") + where + (other.empty() ? ", longer than 64 KiB)" : ", key " + std::string(other) + ")");
  }

  static std::string row_text(RowKind kind, const std::string& name) { return std::string(to_string(kind)) + " " + shown_word(name); }

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
  std::string unread_;  ///< rows, for people
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
