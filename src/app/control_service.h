#pragma once
#include <string>
#include <vector>

#include "app/control_socket.h"
#include "base/result.h"
#include "model/table_schema.h"
#include "pipeline/driver.h"

namespace luge {

class PipelineHost;

/// What a running pipeline answers on its control socket: status, query, resync, pause, resume, verify. The host outlives the handler.
ControlHandler make_control_handler(PipelineHost& host);

/// The tables of `known` that `pattern` (public.orders, "Order Items", sales.*) means; without a schema in any. Errors: usage.
Result<std::vector<TableName>> match_tables(const std::string& pattern, const std::vector<TableName>& known);

/// Copies the tables that `pattern` means again; returns their names. Errors: usage, "not_running".
Result<std::vector<std::string>> resync_tables(PipelineHost& host, const std::string& pattern);

}  // namespace luge
