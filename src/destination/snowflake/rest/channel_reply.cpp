#include "destination/snowflake/rest/channel_reply.h"

#include <nlohmann/json.hpp>

namespace luge {

namespace {

using Json = nlohmann::json;

const Json* field(const Json& object, const char* key) {
  if (!object.is_object()) return nullptr;
  const auto found = object.find(key);
  return found == object.end() || found->is_null() ? nullptr : &*found;
}

std::optional<std::string> text(const Json& object, const char* key) {
  const Json* const value = field(object, key);
  if (value == nullptr) return std::nullopt;
  if (value->is_number_integer()) return std::to_string(value->get<std::int64_t>());
  return value->is_string() ? std::optional(value->get<std::string>()) : std::nullopt;
}

/// 0 if it is not there; nullopt if it is no count.
std::optional<std::uint64_t> count(const Json& object, const char* key) {
  const Json* const value = field(object, key);
  if (value == nullptr) return 0;
  return value->is_number_unsigned() ? std::optional(value->get<std::uint64_t>()) : std::nullopt;
}

std::optional<ChannelStatus> status_of(const Json& object) {
  // The documents call it rows_errors, the servers rows_error_count.
  const auto errors = count(object, field(object, "rows_error_count") != nullptr ? "rows_error_count" : "rows_errors");
  const auto inserted = count(object, "rows_inserted");
  if (!object.is_object() || !errors || !inserted) return std::nullopt;
  ChannelStatus status;
  status.code = text(object, "channel_status_code").value_or("");
  status.committed_token = text(object, "last_committed_offset_token");
  status.rows_inserted = *inserted;
  status.rows_error_count = *errors;
  status.last_error_token = text(object, "last_error_offset_upper_bound");
  status.last_error_message = text(object, "last_error_message").value_or("");
  return status;
}

}  // namespace

std::optional<OpenReply> parse_open_reply(std::string_view body) {
  const Json document = Json::parse(body, nullptr, false);
  auto token = text(document, "next_continuation_token");
  const Json* const object = field(document, "channel_status");
  if (!token || object == nullptr) return std::nullopt;
  auto status = status_of(*object);
  if (!status) return std::nullopt;
  return OpenReply{*std::move(token), text(*object, "channel_name").value_or(""), *std::move(status)};
}

std::optional<std::string> parse_append_reply(std::string_view body) { return text(Json::parse(body, nullptr, false), "next_continuation_token"); }

std::optional<std::map<std::string, ChannelStatus>> parse_statuses(std::string_view body) {
  const Json document = Json::parse(body, nullptr, false);
  const Json* const statuses = field(document, "channel_statuses");
  if (statuses == nullptr || !statuses->is_object()) return std::nullopt;
  std::map<std::string, ChannelStatus> found;
  for (const auto& [name, object] : statuses->items()) {
    auto status = status_of(object);
    if (!status) return std::nullopt;
    found.emplace(name, *std::move(status));
  }
  return found;
}

}  // namespace luge
