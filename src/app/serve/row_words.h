#pragma once
#include <span>
#include <string>

#include "base/result.h"
#include "service/catalog/catalog_rows.h"

namespace luge {

// KEY=VALUE, as the verbs source, destination and pipeline take it: a key is a column of the row, or else one of its options. An empty value
// takes an option out, and puts a column back to its default. Errors: usage; they never repeat a value.

Status set_words(SourceRow& row, std::span<const std::string> words);
Status set_words(DestinationRow& row, std::span<const std::string> words);
Status set_words(PipelineRow& row, std::span<const std::string> words);

}  // namespace luge
