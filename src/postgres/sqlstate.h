#pragma once
#include <string_view>

#include "base/error.h"

namespace luge {

/// What a SQLSTATE asks for (docs/reference correctness: errors). Unknown codes stop the pipeline.
/// retry: the session lives and the same statement may succeed. reconnect: the session is gone or going.
Recovery recovery_of_sqlstate(std::string_view sqlstate);

/// False for classes whose primary message may quote a value (22 data exception, 23 integrity, P0 PL/pgSQL, 38/39 external routines, ...).
bool primary_message_is_safe(std::string_view sqlstate);

namespace sqlstate {
inline constexpr std::string_view kInsufficientPrivilege = "42501", kUndefinedTable = "42P01", kInvalidSchemaName = "3F000",
                                  kUndefinedObject = "42704", kDuplicateObject = "42710";
inline constexpr std::string_view kObjectInUse = "55006", kLockNotAvailable = "55P03", kQueryCanceled = "57014", kInvalidPassword = "28P01";
inline constexpr std::string_view kInvalidAuthorization = "28000", kInvalidCatalogName = "3D000", kUndefinedFile = "58P01",
                                  kProtocolViolation = "08P01";
inline constexpr std::string_view kTooManyConnections = "53300", kConfigurationLimitExceeded = "53400", kNotInPrerequisiteState = "55000",
                                  kCannotConnectNow = "57P03";
}  // namespace sqlstate

}  // namespace luge
