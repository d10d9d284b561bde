#include "app/serve/row_words.h"

#include <map>
#include <utility>
#include <variant>

#include "app/option_value.h"
#include "app/usage_error.h"
#include "service/catalog/catalog_options.h"

namespace luge {

namespace {

using Column = std::variant<std::string*, std::optional<std::int64_t>*>;

struct Columns {
  std::map<std::string, Column, std::less<>> columns;
  std::map<std::string, std::string, std::less<>> defaults = {};  ///< where it is not ""
  std::string* options = nullptr;
};

Result<std::optional<std::int64_t>> read_number(const std::string& key, const std::string& value) {
  if (value.empty()) return std::optional<std::int64_t>();
  const auto number = parse_count(value);
  if (!number || *number > INT64_MAX) return usage_error(key + ": is not a number");
  return std::optional(static_cast<std::int64_t>(*number));
}

Status set_words(const Columns& row, std::span<const std::string> words) {
  TRY(OptionMap options, parse_options(*row.options));
  for (const std::string& word : words) {
    const std::size_t equals = word.find('=');
    if (equals == std::string::npos || equals == 0) return usage_error("a word is no KEY=VALUE", "write, say, mode=log; quote values with blanks");
    std::string key = word.substr(0, equals);
    for (char& c : key) c = c == '-' ? '_' : c;
    std::string value = word.substr(equals + 1);
    const auto column = row.columns.find(key);
    if (column == row.columns.end()) {
      if (value.empty()) {
        options.erase(key);
      } else {
        options[key] = std::move(value);
      }
    } else if (auto* const* text = std::get_if<std::string*>(&column->second)) {
      const auto fallback = row.defaults.find(key);
      **text = value.empty() && fallback != row.defaults.end() ? fallback->second : std::move(value);
    } else {
      TRY(*std::get<std::optional<std::int64_t>*>(column->second), read_number(key, value));
    }
  }
  *row.options = write_options(options);
  return ok();
}

}  // namespace

Status set_words(SourceRow& row, std::span<const std::string> words) {
  return set_words(Columns{{{"conninfo", &row.conninfo}}, {}, &row.options}, words);
}

Status set_words(DestinationRow& row, std::span<const std::string> words) {
  return set_words(Columns{{{"address", &row.address}}, {}, &row.options}, words);
}

Status set_words(PipelineRow& row, std::span<const std::string> words) {
  return set_words(Columns{{{"source", &row.source},
                            {"destination", &row.destination},
                            {"publication", &row.publication},
                            {"tables", &row.tables},
                            {"mode", &row.mode},
                            {"batch_max_size", &row.batch_max_size},
                            {"batch_max_fill_ms", &row.batch_max_fill_ms},
                            {"desired", &row.desired}},
                           {{"mode", "mirror"}, {"desired", "START"}},
                           &row.options},
                   words);
}

}  // namespace luge
