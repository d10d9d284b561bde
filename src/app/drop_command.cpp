#include "app/drop_command.h"

#include "base/printable_text.h"
#include "postgres/connection_options.h"
#include "service/catalog/catalog_options.h"
#include "service/catalog/conninfo_text.h"
#include "service/catalog/secret_text.h"
#include "source/slot.h"

namespace luge {

namespace {

/// In double quotes where the shell has to fill in ${NAME}, in single ones otherwise.
std::string shell_word(const std::string& text) {
  const bool plain =
      !text.empty() && text.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./:=@,+") == std::string::npos;
  if (plain) return text;
  const bool variables = text.find("${") != std::string::npos;
  std::string out;
  for (const char c : printable_text(text)) {
    if (variables && (c == '"' || c == '\\' || c == '`')) out += '\\';
    if (!variables && c == '\'') out += "'\\'";
    out += c;
  }
  return variables ? '"' + out + '"' : "'" + out + "'";
}

std::string source_word(const std::string& conninfo, std::string& password) {
  constexpr std::string_view kFile = "file:";
  switch (secret_form(conninfo)) {
    case SecretForm::environment: return shell_word(conninfo);
    case SecretForm::file: return "\"$(cat " + shell_word(conninfo.substr(kFile.size())) + ")\"";
    case SecretForm::encrypted:
    case SecretForm::none: password = "write the URL of the source in the place of URL"; return "URL";
    case SecretForm::plain: break;  // a connection
  }
  auto keywords = ConnectionOptions::written(conninfo);
  if (!keywords) {
    password = "write the URL of the source in the place of URL";
    return "URL";
  }
  for (const std::string_view keyword : secret_keywords()) {
    const auto found = keywords->find(keyword);
    if (found == keywords->end()) continue;
    const SecretForm form = secret_form(found->second);
    if (form == SecretForm::environment || form == SecretForm::file) continue;
    if (form != SecretForm::none) password = "give its password in PGPASSWORD or ~/.pgpass";
    keywords->erase(found);
  }
  return shell_word(conninfo_text(*keywords));
}

}  // namespace

SlotLeftBehind slot_left_behind(const PipelineRow& row, const CatalogContents& contents) {
  SlotLeftBehind left;
  left.slot = default_slot_name(row.name);
  const auto source = contents.sources.find(row.source);
  const auto destination = contents.destinations.find(row.destination);
  left.command = "luge drop --source " + source_word(source == contents.sources.end() ? "" : source->second.conninfo, left.password);
  left.command += " --to " + (destination == contents.destinations.end() ? "DESTINATION" : shell_word(destination->second.address));
  left.command += " --pipeline " + shell_word(row.name);
  const auto options = parse_options(row.options);
  if (!options) return left;
  if (const auto state = options->find("state"); state != options->end())
    left.command += " --state " + shell_word(shown_option(state->first, state->second));
  return left;
}

std::string text_of(const SlotLeftBehind& left) {
  return "its slot " + left.slot + " stays at the source and keeps the WAL from now on; once it has drained, this removes slot and state:\n  " +
         left.command + "\n" + (left.password.empty() ? "" : "  (" + left.password + ")\n");
}

}  // namespace luge
