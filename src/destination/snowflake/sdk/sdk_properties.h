#pragma once
#include <map>
#include <string>

#include "base/result.h"
#include "destination/snowflake/snowflake_options.h"

namespace luge {

/// Properties of a StreamingIngestClient, all of them text. Holds secrets: never print it.
using SdkProperties = std::map<std::string, std::string>;

/// From the options: who connects where with which credential, rows inline and never as files, and retries that end within seconds.
/// Reads and decrypts the private key. Error codes: KeyPair's, "bad_url" (the SDK speaks https only), "auth".
Result<SdkProperties> sdk_properties(const SnowflakeOptions& options);

}  // namespace luge
