#pragma once
#include <cstddef>
#include <string>
#include <vector>

#include "service/alert_report.h"
#include "service/http/table_page.h"
#include "service/pipeline_report.h"
#include "service/source_report.h"
#include "service/status_document.h"

namespace luge {

// Parts of the console's pages. Whatever they are given is escaped here.

/// What somebody wants to know first: is it fresh?
std::string freshness_text(const StatusDocument& document);
std::string state_badge(const std::string& state);
/// Which other process it runs at, after its state; empty: this one.
std::string elsewhere_note(const StatusDocument& document);
/// "9,990 live, 8 copying, 2 quarantined": what needs somebody last, so that it stands out.
std::string tables_text(const StatusDocument& document);
/// Pause or resume; nothing while neither makes sense.
std::string pipeline_buttons(const StatusDocument& document);
/// What went wrong and what helps; empty without an error.
std::string problem_box(const StatusDocument& document);

std::string alert_section(const AlertReport& alerts, PgTimestamp now);
std::string source_section(const std::vector<SourceReport>& sources);
std::string facts_section(const StatusDocument& document);
std::string table_rows(const StatusDocument& document, const TablePage& page);
/// Links to the other pages of a list; `query` is what stays of the address ("state=live&search=x", or empty).
std::string pager(std::size_t offset, std::size_t limit, std::size_t total, const std::string& query);

}  // namespace luge
