#pragma once
#include <string>

#include "app/control_socket.h"
#include "app/pipeline_host.h"
#include "app/verify/verify.h"
#include "base/result.h"

namespace luge {

/// The verb `verify` as the running luge answers it: a line {"table": name} when a table's turn comes, then the report.
/// Arguments: tables (patterns separated by commas, or empty), keys.
Result<std::string> answer_verify(PipelineHost& host, const ControlRequest& request, const ControlReply& reply);

/// A paused pipeline cannot be brought to an LSN.
Error not_while_paused();

/// The same for a pipeline of this process.
Result<VerifyReport> verify_host(PipelineHost& host, const std::string& patterns, std::size_t keys, std::function<void(const TableName&)> on_table,
                                 const std::stop_token& stop = {});

}  // namespace luge
