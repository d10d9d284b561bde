#pragma once
#include "destination/snowflake/python/bridge_abi.h"

namespace luge {

// The part of PythonApi (bridge_abi.h) that ingest_session.py does; here are only the GIL, the rows and the way of values across.

PythonSession* open_session(PythonText client_name, PythonText database, const PythonText* properties, std::size_t count, PythonRows rows,
                            PythonFailure* failure);
void close_session(PythonSession* session);
bool open_channel(PythonSession* session, const PythonChannelName* name, std::int64_t settle_seconds, PythonStatusVisitor visit, void* context,
                  PythonFailure* failure);
bool append_lines(PythonSession* session, const PythonChannelName* name, const PythonLines* lines, std::int64_t* again_in_us, PythonFailure* failure);
bool channel_statuses(PythonSession* session, PythonText schema, PythonText table, const PythonText* channels, std::size_t count,
                      PythonStatusVisitor visit, void* context, PythonFailure* failure);
bool drop_channel(PythonSession* session, const PythonChannelName* name, PythonFailure* failure);
bool flush_session(PythonSession* session, std::int64_t timeout_seconds, PythonFailure* failure);

}  // namespace luge
