#include "app/drop_command.h"

#include "base/printable_text.h"
#include "postgres/connection_options.h"
#include "service/catalog/catalog_options.h"
#include "service/catalog/conninfo_text.h"
#include "service/catalog/secret_text.h"
#include "source/slot.h"

namespace luge {

namespace {

/// How long the ${NAME} is that `text` begins with; 0: it begins with none.
std::size_t variable_length(std::string_view text) {
  if (!text.starts_with("${")) return 0;
  const std::size_t end = text.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_", 2);
  const bool whole = end != std::string_view::npos && end > 2 && text[end] == '}' && (text[2] < '0' || text[2] > '9');
  return whole ? end + 1 : 0;
}

/// One word for a shell, in which it fills in ${NAME} and does nothing else, whatever somebody wrote into the row.
std::string shell_word(const std::string& text) {
  const bool plain =
      !text.empty() && text.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./:=@,+") == std::string::npos;
  if (plain) return text;
  const std::string line = printable_text(text);
  std::string out;
  for (std::size_t at = 0; at < line.size(); ++at) {
    const std::size_t variable = variable_length(std::string_view(line).substr(at));
    if (variable != 0) {
      out += line.substr(at, variable);
      at += variable - 1;
      continue;
    }
    if (line[at] == '"' || line[at] == '\\' || line[at] == '`' || line[at] == '$') out += '\\';
    out += line[at];
  }
  return '"' + out + '"';
}

/// What is in a file: file:PATH.
std::string contents_word(const std::string& reference) { return "\"$(cat " + shell_word(reference.substr(reference.find(':') + 1)) + ")\""; }

std::string state_word(const std::string& state) { return secret_form(state) == SecretForm::file ? contents_word(state) : shell_word(state); }

std::string source_word(const std::string& conninfo, std::string& password) {
  switch (secret_form(conninfo)) {
    case SecretForm::environment: return shell_word(conninfo);
    case SecretForm::file: return contents_word(conninfo);
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
  const auto state = options->find("state");
  if (state == options->end()) return left;
  const bool hidden = is_plain_secret(state->first, state->second) || secret_form(state->second) == SecretForm::encrypted;
  left.command += " --state " + (hidden ? "STATE" : state_word(state->second));
  if (hidden) left.password += (left.password.empty() ? "" : "; ") + std::string("write the address of its state in the place of STATE");
  return left;
}

std::string text_of(const SlotLeftBehind& left) {
  return "its slot " + left.slot + " stays at the source and keeps the WAL from now on; once it has drained, this removes slot and state:\n  " +
         left.command + "\n" + (left.password.empty() ? "" : "  (" + left.password + ")\n");
}

}  // namespace luge
