#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/result.h"
#include "destination/snowflake/snowflake_options.h"

namespace luge {

/// One key of the section `snowflake` in luge.yaml: parsing, validation and the reference page are made from this table.
struct SnowflakeKey {
  /// Takes a word that is one of `choices`.
  using Choose = void (*)(SnowflakeOptions& options, std::string_view word);
  using Member = std::variant<std::string SnowflakeOptions::*, std::uint32_t SnowflakeOptions::*, Duration SnowflakeOptions::*, Choose>;

  std::string_view name;
  Member member;
  std::string_view fallback = {};   ///< the default as the user would write it; "" is none
  std::string_view choices = {};    ///< "sdk|rest"
  std::int64_t least = 0;           ///< numbers; durations in microseconds
  std::int64_t most = 0;
  bool identifier = false;          ///< a Snowflake name: folded to upper case unless quoted
  bool secret = false;              ///< never printed; file:PATH reads it from a file
  bool forever = false;             ///< durations: `forever` is 0
  bool per_table = false;           ///< also under tables: {schema.table: {…}}
  std::string_view help = {};
};

std::span<const SnowflakeKey> snowflake_keys();
const SnowflakeKey* find_snowflake_key(std::string_view name);
/// All of them, `tables` included.
std::vector<std::string> snowflake_key_names();
/// Those allowed under tables: {schema.table: {…}}.
std::vector<std::string> snowflake_table_key_names();

/// Checks `text` and puts it into `options`. `where` ("luge.yaml:7: snowflake.actors") begins the message of an error, which never
/// repeats a secret.
Status set_snowflake_key(SnowflakeOptions& options, const SnowflakeKey& key, const std::string& text, const std::string& where);
/// The same for one table of the source: schema.table, without quotes.
Status set_snowflake_table_key(SnowflakeOptions& options, const SnowflakeKey& key, const std::string& table, const std::string& text,
                               const std::string& where);

/// The name an identifier means: shop is SHOP, "shop" in double quotes is shop, and what could not stand without quotes is taken as it is.
std::string fold_identifier(const std::string& text);

}  // namespace luge
