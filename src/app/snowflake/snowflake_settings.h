#pragma once
#include <memory>
#include <string>

#include "app/options.h"
#include "base/clock.h"
#include "base/result.h"
#include "destination/snowflake/snowflake_options.h"

namespace luge {

/// The section `snowflake`, complete and consistent: what --to snowflake: needs is there, exactly one kind of credentials, `url` and
/// `account` are filled in from each other, the key file is readable by its owner only. Usage errors (exit code 2) say what to write.
Result<SnowflakeOptions> require_snowflake(const Options& options);

/// The checks of require_snowflake on a section that is there.
Result<SnowflakeOptions> complete_snowflake(SnowflakeOptions options);

/// https://<account>.snowflakecomputing.com, with `_` as `-`.
std::string snowflake_url(const std::string& account);

/// A section that works once its names are right: for messages and `luge snowflake init`.
std::string snowflake_section_yaml(const SnowflakeOptions& options);

}  // namespace luge
