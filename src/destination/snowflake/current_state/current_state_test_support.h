#pragma once
#include <algorithm>
#include <gtest/gtest.h>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "base/random.h"
#include "destination/snowflake/auth/key_pair.h"
#include "destination/snowflake/auth/token_source.h"
#include "destination/snowflake/current_state/merge_sql.h"
#include "destination/snowflake/encode/log_columns.h"
#include "destination/snowflake/encode/offset_token.h"
#include "destination/snowflake/sql/sql_client.h"
#include "http/curl_client.h"
#include "support/snowflake_emulator.h"

namespace luge {

/// luge's own SQL client, signed in to the emulator.
class EmulatorSql {
 public:
  using Rows = std::vector<std::vector<std::optional<std::string>>>;

  explicit EmulatorSql(SnowflakeEmulator& emulator)
      : tokens_(*KeyPair::load(emulator.private_key_file(), ""), emulator.account(), emulator.user(), "", clock_),
        client(http_, tokens_, settings(emulator), clock_, random_, [](Duration delay) {
          std::this_thread::sleep_for(delay);
          return true;
        }) {}

  SqlResult run(const std::string& text) {
    auto result = client.run({text});
    EXPECT_TRUE(result) << result.error().message() << "\n" << text;
    return result ? *result : SqlResult{};
  }
  Rows rows(const std::string& text) { return run(text).rows; }

 private:
  static SqlSettings settings(const SnowflakeEmulator& emulator) {
    SqlSettings settings;
    settings.url = emulator.url();
    settings.database = emulator.database();
    settings.schema = emulator.schema();
    return settings;
  }
  SystemClock clock_;
  SeededRandom random_{20240229};
  CurlClient http_{CurlOptions{}};
  KeyPairTokens tokens_;

 public:
  SqlClient client;
};

/// A row of a change log in the making.
struct LogRow {
  Position position;
  char op = 'i';
  std::optional<Xid> xid;
  std::optional<std::string> present;
  std::optional<nlohmann::json> old_key;
  std::map<std::string, nlohmann::json> values;  ///< as the encoder would spell them; absent and NULL ones left out
};

/// One INSERT for all of them: a literal, unnested.
inline std::string insert_log_sql(const TableLayout& layout, const std::vector<LogRow>& rows) {
  nlohmann::json all = nlohmann::json::array();
  for (const LogRow& row : rows) {
    nlohmann::json fields = row.values;
    fields["_LUGE_EPOCH"] = row.position.epoch;
    fields["_LUGE_LSN"] = row.position.commit_lsn.value;
    fields["_LUGE_ORDINAL"] = row.position.ordinal;
    fields["_LUGE_OP"] = std::string(1, row.op);
    if (row.xid) fields["_LUGE_XID"] = *row.xid;
    if (row.xid) fields["_LUGE_COMMIT_TIME"] = "2024-02-29T12:00:00+00:00";
    if (row.present) fields["_LUGE_PRESENT"] = *row.present;
    if (row.old_key) fields["_LUGE_OLD_KEY"] = *row.old_key;
    fields["_LUGE_POSITION"] = offset_token(row.position);
    all.push_back(fields);
  }
  std::string columns;
  std::string values;
  const auto add = [&](const std::string& name, const std::string& type) {
    const std::string value = "GET(value, " + snowflake_literal(name) + ")";
    columns += (columns.empty() ? "" : ", ") + snowflake_identifier(name);
    values += values.empty() ? "" : ", ";
    values += type == "VARIANT" ? value : type == "BINARY" ? "TO_BINARY(" + value + "::VARCHAR, 'BASE64')" : value + "::" + type;
  };
  for (const LogColumn& column : kLogColumns) add(column.name, column.type);
  for (const LayoutColumn& column : layout.columns) add(column.name, column.type);
  return "INSERT INTO " + layout.log() + " (" + columns + ") SELECT " + values + " FROM TABLE(FLATTEN(PARSE_JSON(" + snowflake_literal(all.dump()) +
         ")))";
}

}  // namespace luge
