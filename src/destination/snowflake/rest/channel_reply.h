#pragma once
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "destination/snowflake/ingest/ingest_client.h"

namespace luge {

/// What opening a channel answers.
struct OpenReply {
  std::string continuation_token;
  std::string channel;  ///< as the server spells it
  ChannelStatus status;
};

/// nullopt: not of that shape.
std::optional<OpenReply> parse_open_reply(std::string_view body);
/// The next continuation token.
std::optional<std::string> parse_append_reply(std::string_view body);
/// By the server's names.
std::optional<std::map<std::string, ChannelStatus>> parse_statuses(std::string_view body);

}  // namespace luge
