#pragma once
#include <string>

#include "service/catalog/catalog_rows.h"

namespace luge {

// The catalog's rows as its verbs show them: secrets are hidden, whoever wrote them.

// JSON, on one line. What is no UTF-8 is replaced: rows may have been written by anybody.
std::string document_of(const SourceRow& row);
std::string document_of(const DestinationRow& row);
/// `status`: null when no luge serve has seen the pipeline.
std::string document_of(const PipelineRow& row, const StatusRow* status);

// "name: value" lines; what is empty is left out, further lines of a value are indented.
std::string field_lines(const SourceRow& row);
std::string field_lines(const DestinationRow& row);
std::string field_lines(const PipelineRow& row, const StatusRow* status);

/// Whether so much time has passed since the last heartbeat that no luge serve can be running it.
bool is_stale(const StatusRow& status);
/// "live", or "unknown (last heard of 42 s ago)": what was true when its luge serve ended may be true no more.
std::string state_text(const StatusRow* status);
/// One line; "": nothing is.
std::string what_is_wrong(const PipelineRow& row, const StatusRow* status, const CatalogContents& contents);

}  // namespace luge
