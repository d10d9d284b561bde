#pragma once
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace luge {

/// What luge can be asked to do.
enum class Verb : std::uint8_t {
  run,
  plan,
  doctor,
  status,
  query,
  verify,
  resync,
  drop,
  demo,
  snowflake,
  top,
  pause,
  resume,
  serve,
  source,
  destination,
  pipeline,
  apply,
  secrets,
  state
};

/// A set of verbs, for the option table.
using VerbSet = std::uint32_t;
constexpr VerbSet verb_bit(Verb verb) { return VerbSet{1} << static_cast<unsigned>(verb); }
template <class... Verbs>
constexpr VerbSet verbs(Verbs... verb) {
  return (verb_bit(verb) | ...);
}

struct VerbSpec {
  Verb verb;
  std::string_view name;
  std::string_view summary;      ///< one line, for the list of verbs
  std::string_view description;  ///< a paragraph, for --help
  std::string_view argument = {};     ///< "" or the name of its positional argument; "…" at the end: several
  bool argument_required = false;
  std::string_view examples = {};     ///< lines, each a command; "# …" lines explain
  std::string_view exit_codes = {};   ///< what its exit codes mean, where they say more than done and failed
};

std::span<const VerbSpec> verb_table();
const VerbSpec& spec_of(Verb verb);
std::optional<Verb> parse_verb(std::string_view name);

}  // namespace luge
