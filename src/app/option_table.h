#pragma once
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "app/options.h"
#include "app/verb.h"
#include "base/result.h"

namespace luge {

enum class OptionKind : std::uint8_t {
  text,      ///< any text
  choice,    ///< one of `choices`
  position,  ///< caught-up, or an LSN
  count,     ///< a whole number in [least, most]
  size,      ///< bytes in [least, most]
  duration,  ///< microseconds in [least, most]
  flag,      ///< on or off; on the command line its name alone means on
};

/// One line of the table that parsing, validation, --help, luge.yaml and the reference page are made from.
struct OptionSpec {
  using Member = std::variant<std::string Options::*, std::uint64_t Options::*, Duration Options::*, bool Options::*,
                              std::string SnowflakeOptions::*>;  ///< the last: a key of the section `snowflake`

  std::string_view name = {};        ///< on the command line, without dashes
  Member member = &Options::source;                ///< where the value goes
  OptionKind kind = OptionKind::text;
  std::string_view value_name = {};  ///< in help: PATH, URL
  std::string_view fallback = {};    ///< the default as the user would write it; "" is none
  std::string_view choices = {};     ///< choice: "stop|resync"
  std::uint64_t least = 0;
  std::uint64_t most = UINT64_MAX;
  VerbSet verbs = 0;
  bool secret = false;          ///< may hold a password: never printed; file:PATH reads it from a file
  bool in_file = true;          ///< also a key of luge.yaml's top level
  char letter = 0;              ///< of a short form: 'f' for -f
  std::string_view help = {};        ///< one sentence
  std::string_view example = {};
};

std::span<const OptionSpec> option_table();
const OptionSpec* find_option(std::string_view name);

/// The name in luge.yaml: batch_max_size for --batch-max-size.
std::string config_key(const OptionSpec& spec);

/// "1 to 64", "1 and more"; "" for options that are no number.
std::string range_text(const OptionSpec& spec);

/// Checks `text` and puts it into `options`. `where` ("--tables", "luge.yaml: tables") begins the message of an error, which never
/// repeats a secret.
Status set_option(Options& options, const OptionSpec& spec, const std::string& text, std::string_view where);

/// Everything at its default.
Options default_options();

}  // namespace luge
