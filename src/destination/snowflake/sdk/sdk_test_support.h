#pragma once
#include <chrono>
#include <gtest/gtest.h>
#include <string>
#include <thread>

#include "destination/snowflake/encode/offset_token.h"
#include "destination/snowflake/sdk/sdk_ingest_client.h"
#include "support/snowflake_emulator.h"

namespace luge {

inline std::string sdk_python() { return LUGE_DEPS "/sdk-venv/bin/python"; }

inline SnowflakeOptions sdk_options(const SnowflakeEmulator& emulator) {
  SnowflakeOptions options;
  options.url = emulator.https_url();
  options.ca_file = emulator.ca_file();
  options.account = emulator.account();
  options.user = emulator.user();
  options.private_key_file = emulator.private_key_file();
  options.database = emulator.database();
  options.python = sdk_python();
  return options;
}

/// Rows {"ID": first …} of about `note` bytes each; their positions are their numbers.
inline EncodedRows numbered_rows(std::uint64_t first, std::uint64_t count, std::size_t note = 10) {
  EncodedRows rows;
  for (std::uint64_t id = first; id < first + count; ++id) {
    const std::string line = "{\"ID\":" + std::to_string(id) + ",\"NOTE\":\"" + std::string(note, 'x') + "\"}\n";
    rows.text.append(line.data(), line.size());
    rows.rows.push_back({rows.text.size(), Position{1, Lsn(100), id}});
  }
  return rows;
}
inline std::string token_of(std::uint64_t id) { return offset_token(Position{1, Lsn(100), id}); }

/// Offers the rows from `from` on until all are taken; the first error ends it. Returns how many were.
inline Result<std::size_t> append_all(IngestClient& client, const ChannelId& channel, const EncodedRows& rows, std::size_t from = 0) {
  std::size_t taken = 0;
  while (from + taken < rows.rows.size()) {
    TRY(const Appended appended, client.append(channel, rows, from + taken));
    taken += appended.rows;
    if (appended.rows == 0) std::this_thread::sleep_for(appended.again_in);
  }
  return taken;
}

/// Asks until the channel's token is `token`; a failure of the test after ten seconds.
inline ChannelStatus wait_committed(IngestClient& client, const ChannelId& channel, const std::string& token) {
  ChannelStatus last;
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  while (std::chrono::steady_clock::now() < end) {
    const auto found = client.statuses(channel.schema, channel.table, {channel.channel});
    EXPECT_TRUE(found) << found.error().message();
    if (!found) break;
    if (const auto entry = found->find(channel.channel); entry != found->end()) last = entry->second;
    if (last.committed_token == token) return last;
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  ADD_FAILURE() << "not committed: " << token << ", but " << last.committed_token.value_or("nothing");
  return last;
}

/// The first row that is not durable.
inline std::size_t first_behind(const std::optional<std::string>& token, const EncodedRows& rows) {
  std::size_t first = 0;
  while (token && first < rows.rows.size() && offset_token(rows.rows[first].position) <= *token) ++first;
  return first;
}

/// What the actor pool does with a channel, in small: opens, sends what is behind the token, opens again when it is told to.
/// True once the last row is committed; `reopened` counts the openings after the first.
inline bool deliver(IngestClient& client, const ChannelId& channel, const EncodedRows& rows, int& reopened) {
  reopened = -1;
  for (int tries = 0; tries < 12; ++tries) {
    const auto opened = client.open(channel, std::chrono::seconds(1));
    if (!opened) {
      if (opened.error().recovery == Recovery::stop_pipeline) return false;
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
      continue;
    }
    ++reopened;
    if (!append_all(client, channel, rows, first_behind(opened->committed_token, rows)) || !client.flush()) continue;
    wait_committed(client, channel, offset_token(rows.rows.back().position));
    return true;
  }
  return false;
}

}  // namespace luge
