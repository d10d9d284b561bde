#include "app/command_line.h"

#include <CLI/CLI.hpp>
#include <map>

#include "app/option_help.h"
#include "app/option_table.h"
#include "app/option_value.h"
#include "app/usage_error.h"

namespace luge {

namespace {

std::vector<std::string> verb_names() {
  std::vector<std::string> names;
  for (const VerbSpec& spec : verb_table()) names.emplace_back(spec.name);
  return names;
}

/// What was typed, by option; CLI11 cuts the words, the option table judges the values.
struct Typed {
  std::map<std::string_view, std::string> values;
  std::vector<std::string> arguments;
};

Result<Typed> cut(const VerbSpec& verb, const std::vector<std::string>& words) {
  CLI::App app;
  app.set_help_flag();
  Typed typed;
  std::vector<std::string> known;
  std::map<std::string_view, std::string> flags;  // "true", or what stands after =
  for (const OptionSpec& spec : option_table()) {
    if ((spec.verbs & verb_bit(verb.verb)) == 0) continue;
    std::string name = "--" + std::string(spec.name);
    known.push_back(name);
    if (spec.letter != 0) name = std::string("-") + spec.letter + "," + name;
    CLI::Option* option = nullptr;
    if (spec.kind == OptionKind::flag) {
      option = app.add_flag(name, flags[spec.name]);
    } else {
      option = app.add_option_function<std::string>(name, [&typed, key = spec.name](const std::string& value) { typed.values[key] = value; });
    }
    option->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
  }
  app.add_option("arguments", typed.arguments)->type_size(1)->expected(-1);
  try {
    app.parse(std::vector<std::string>(words.rbegin(), words.rend()));
  } catch (const CLI::ParseError& broken) {
    for (const std::string& extra : app.remaining()) {
      if (extra.starts_with("-")) {
        const std::string name = extra.substr(0, extra.find('='));
        return usage_error("luge " + std::string(verb.name) + ": unknown option " + name, suggestion(name, known));
      }
    }
    return usage_error("luge " + std::string(verb.name) + ": " + broken.what(), "luge " + std::string(verb.name) + " --help");
  }
  for (const auto& [name, text] : flags) {
    if (!text.empty()) typed.values[name] = text;
  }
  return typed;
}

Status check_arguments(const VerbSpec& verb, const std::vector<std::string>& arguments) {
  const bool several = verb.argument.ends_with("…");
  if (arguments.empty() && verb.argument_required) {
    return usage_error("luge " + std::string(verb.name) + ": " + std::string(verb.argument) + " is missing",
                       "luge " + std::string(verb.name) + " --help");
  }
  const std::size_t most = verb.argument.empty() ? 0 : several ? SIZE_MAX : 1;
  if (arguments.size() > most) {
    return usage_error("luge " + std::string(verb.name) + ": '" + arguments[most] + "' is one word too many",
                       verb.argument == "SQL" ? "put the statement into quotes" : "");
  }
  return ok();
}

Result<Options> resolve(const VerbSpec& verb, Typed typed, const Environment& environment) {
  CHECK_OK(check_arguments(verb, typed.arguments));
  Options options = default_options();
  if (const auto config = typed.values.find("config"); config != typed.values.end())
    CHECK_OK(apply_config_file(options, config->second, environment));
  if (const auto source = environment("LUGE_SOURCE")) options.source = *source;
  for (const OptionSpec& spec : option_table()) {
    const auto found = typed.values.find(spec.name);
    if (found == typed.values.end()) continue;
    const std::string where = "--" + std::string(spec.name);
    std::string text = found->second;
    if (spec.secret) {
      TRY(text, expand_environment(text, environment, where));
      TRY(text, read_secret(text, where));
    }
    CHECK_OK(set_option(options, spec, text, where));
  }
  options.arguments = std::move(typed.arguments);
  return options;
}

}  // namespace

Result<CommandLine> parse_command_line(const std::vector<std::string>& arguments, const Environment& environment) {
  if (arguments.empty()) return usage_error("what should luge do?", "luge --help; to see it work: luge demo");
  const std::string& first = arguments.front();
  if (first == "--version") return CommandLine(Answer{version_text()});
  const bool markdown = arguments.size() > 1 && arguments[1] == "--markdown";
  if (first == "help" && markdown) return CommandLine(Answer{options_reference()});
  const bool help_of_verb = first == "help" && arguments.size() > 1;
  if (first == "--help" || first == "-h" || (first == "help" && !help_of_verb)) return CommandLine(Answer{help_text()});

  const std::string& name = help_of_verb ? arguments[1] : first;
  const auto verb = parse_verb(name);
  if (!verb) {
    const std::string near = suggestion(name, verb_names());
    return usage_error((name.starts_with("-") ? "a verb comes before " + name : "luge has no verb " + name), near.empty() ? "luge --help" : near);
  }
  std::vector<std::string> words(arguments.begin() + 1, arguments.end());
  for (const std::string& word : words) {
    if (word == "--") break;
    if (help_of_verb || word == "--help" || word == "-h") return CommandLine(Answer{help_text(*verb)});
  }
  TRY(Typed typed, cut(spec_of(*verb), words));
  TRY(Options options, resolve(spec_of(*verb), std::move(typed), environment));
  return CommandLine(Invocation{*verb, std::move(options)});
}

bool asks_for_json(const std::vector<std::string>& arguments) {
  constexpr std::string_view kFlag = "--json";
  bool asked = false;
  for (const std::string& word : arguments) {
    if (word == "--") break;
    if (word == kFlag) asked = true;
    if (word.starts_with(kFlag) && word.substr(kFlag.size()).starts_with('=')) asked = parse_flag(word.substr(kFlag.size() + 1)).value_or(true);
  }
  return asked;
}

}  // namespace luge
