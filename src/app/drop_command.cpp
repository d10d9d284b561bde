#include "app/drop_command.h"

#include <algorithm>
#include <functional>
#include <map>
#include <optional>
#include <string_view>
#include <utility>

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

bool holds_variable(std::string_view text) {
  while (!text.empty()) {
    if (variable_length(text) != 0) return true;
    text.remove_prefix(text.starts_with("$${") ? 3 : 1);
  }
  return false;
}

/// Shells and libpq take it as it stands.
bool is_plain_word(std::string_view text) {
  return !text.empty() && text.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./:=@,+") == std::string_view::npos;
}

/// One word that a shell takes literally. Not in double quotes: there an interactive shell puts what was typed before in the place of a "!".
std::string literal_word(std::string_view text) {
  if (is_plain_word(text)) return std::string(text);
  std::string out = "'";
  for (const char c : printable_text(text)) {
    if (c == '\'') {
      out += R"('\'')";
    } else {
      out += c;
    }
  }
  return out + "'";
}

/// One word for a shell, in which it fills in ${NAME} and does nothing else, whatever somebody wrote into the row.
std::string shell_word(std::string_view text) {
  std::string out;
  std::string literal;
  const auto end_literal = [&] {
    if (!literal.empty()) out += literal_word(literal);
    literal.clear();
  };
  while (!text.empty()) {
    const std::size_t variable = variable_length(text);
    if (variable != 0) {
      end_literal();
      out.append("\"").append(text.substr(0, variable)).append("\"");
      text.remove_prefix(variable);
    } else if (text.starts_with("$${")) {
      literal += "${";
      text.remove_prefix(3);
    } else {
      literal += text.front();
      text.remove_prefix(1);
    }
  }
  end_literal();
  return out.empty() ? "''" : out;
}

/// A reference as luge serve takes it: what is in the file of file:PATH, or the text with its variables.
std::string reference_word(std::string_view text) {
  if (secret_form(text) != SecretForm::file) return shell_word(text);
  return "\"$(cat " + literal_word(text.substr(text.find(':') + 1)) + ")\"";
}

void add_note(std::string& notes, const std::string& note) {
  if (!notes.empty()) notes += "; ";
  notes += note;
}

/// libpq's own variable for a setting; "": it has none.
std::string_view libpq_variable(std::string_view keyword) {
  constexpr std::pair<std::string_view, std::string_view> kVariables[] = {
      {"dbname", "PGDATABASE"}, {"host", "PGHOST"},     {"hostaddr", "PGHOSTADDR"}, {"password", "PGPASSWORD"},       {"port", "PGPORT"},
      {"sslcert", "PGSSLCERT"}, {"sslkey", "PGSSLKEY"}, {"sslmode", "PGSSLMODE"},   {"sslrootcert", "PGSSLROOTCERT"}, {"user", "PGUSER"},
  };
  for (const auto& [setting, variable] : kVariables) {
    if (setting == keyword) return variable;
  }
  return {};
}

/// How the command gets to the source.
struct SourceWords {
  std::string environment;  ///< NAME=VALUE before the command, each with a blank behind it
  std::string source = "URL";
  std::string note;
};

SourceWords source_words(const std::string& conninfo) {
  SourceWords words;
  const SecretForm form = secret_form(conninfo);
  if (form == SecretForm::environment || form == SecretForm::file) {
    words.source = literal_word(conninfo);  // luge drop opens both itself, so that what is in them is in nobody's list of processes
    return words;
  }
  const auto keywords = ConnectionOptions::written(conninfo);
  if (form != SecretForm::plain || !keywords) {
    words.note = "write the URL of the source in the place of URL";
    return words;
  }
  std::string settings;
  for (const auto& [keyword, value] : *keywords) {
    const auto secrets = secret_keywords();
    const bool secret = std::ranges::find(secrets, keyword) != secrets.end();
    if (!secret && !holds_variable(value)) {
      settings += (settings.empty() ? "" : " ") + (is_plain_word(value) ? keyword + "=" + value : conninfo_text({{keyword, value}}));
      continue;
    }
    // Not inside of --source: a shell cannot escape what is in a variable, and libpq reads ' and \ in a setting as its own.
    const std::string_view variable = libpq_variable(keyword);
    const SecretForm written = secret_form(value);
    const bool known = !secret || written == SecretForm::environment || written == SecretForm::file;
    if (known && !variable.empty()) {
      words.environment.append(variable).append("=").append(secret ? reference_word(value) : shell_word(value)).append(" ");
    } else {
      add_note(words.note, keyword == "password" ? "give its password in PGPASSWORD or ~/.pgpass" : "add its " + keyword + " to --source");
    }
  }
  words.source = settings.empty() ? "postgres://" : literal_word(settings);  // an empty --source is none
  return words;
}

/// nullopt: the row says nothing of it.
std::optional<std::string> state_in(const std::string& options) {
  const auto parsed = parse_options(options);
  if (!parsed) return std::nullopt;
  const auto state = parsed->find("state");
  return state == parsed->end() ? std::nullopt : std::optional(state->second);
}

/// What options_of() makes of the three rows: the pipeline's own word wins, and a Snowflake's options are those of its section. "": the default.
std::string merged_state(const PipelineRow& row, const SourceRow* source, const DestinationRow* destination) {
  auto state = state_in(row.options);
  if (!state && destination != nullptr && !destination->address.starts_with("snowflake:")) state = state_in(destination->options);
  if (!state && source != nullptr) state = state_in(source->options);
  return state.value_or("");
}

template <class Row>
const Row* row_called(const std::map<std::string, Row, std::less<>>& rows, const std::string& name) {
  const auto found = rows.find(name);
  return found == rows.end() ? nullptr : &found->second;
}

}  // namespace

SlotLeftBehind slot_left_behind(const PipelineRow& row, const CatalogContents& contents) {
  SlotLeftBehind left;
  left.slot = default_slot_name(row.name);
  const SourceRow* const source = row_called(contents.sources, row.source);
  const DestinationRow* const destination = row_called(contents.destinations, row.destination);
  const SourceWords words = source_words(source == nullptr ? "" : source->conninfo);
  left.note = words.note;
  left.command = words.environment + "luge drop --source " + words.source;
  left.command += " --to " + (destination == nullptr ? "DESTINATION" : shell_word(destination->address));
  left.command += " --pipeline " + shell_word(row.name);
  const std::string state = merged_state(row, source, destination);
  if (state.empty()) return left;
  const bool hidden = is_plain_secret("state", state) || secret_form(state) == SecretForm::encrypted;
  left.command += " --state " + (hidden ? "STATE" : reference_word(state));
  if (hidden) add_note(left.note, "write the address of its state in the place of STATE");
  return left;
}

std::string text_of(const SlotLeftBehind& left) {
  return "its slot " + left.slot + " stays at the source and keeps the WAL from now on; once it has drained, this removes slot and state:\n  " +
         left.command + "\n" + (left.note.empty() ? "" : "  (" + left.note + ")\n");
}

}  // namespace luge
