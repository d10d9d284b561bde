#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "app/config_file.h"
#include "app/option_table.h"
#include "app/snowflake/snowflake_keys.h"
#include "app/snowflake/snowflake_settings.h"
#include "service/catalog/secret_text.h"

namespace luge {
namespace {

struct KeyFile {
  explicit KeyFile(const std::string& text = "key", unsigned mode = 0600) {
    path = (std::filesystem::temp_directory_path() / "luge-key-XXXXXX").string();
    ::close(::mkstemp(path.data()));
    std::ofstream(path) << text;
    ::chmod(path.c_str(), mode);
  }
  ~KeyFile() { std::filesystem::remove(path); }
  std::string path;
};

Result<SnowflakeOptions> read(const std::string& section, const std::string& mode = "mirror") {
  Options options = default_options();
  options.mode = mode;
  const Environment environment = [](const std::string& name) -> std::optional<std::string> {
    return name == "SECRET" ? std::optional<std::string>("hush-hush") : std::nullopt;
  };
  const Status applied = apply_config_text(options, "snowflake: " + section, "luge.yaml", environment);
  if (!applied) return applied.error();
  return require_snowflake(options);
}

Error refusal(const std::string& section, const std::string& mode = "mirror") {
  const auto found = read(section, mode);
  EXPECT_FALSE(found) << section;
  if (found) return {};
  EXPECT_EQ(found.error().exit_code, ExitCode::usage);
  EXPECT_EQ(found.error().message().find("hush-hush"), std::string::npos) << found.error().message();
  return found.error();
}

bool says(const Error& error, const std::string& text) {
  if (error.message().find(text) != std::string::npos) return true;
  ADD_FAILURE() << "not in: " << error.message();
  return false;
}

const std::string kToken = "pat: x, database: d, warehouse: w";

TEST(SnowflakeSection, EveryKey) {
  const KeyFile key;
  const auto found =
      read("{account: my_org-acc_1, user: loader, role: '\"Mixed\"', private_key_file: " + key.path +
           ", private_key_passphrase: '${SECRET}', database: shop, schema: my-schema, warehouse: wh_1, transport: rest, python: /v/bin/python, "
           "actors: 2, shards_per_table: 8, current_state: merge, merge_interval: 5min, delete: soft, log_retention: 7d, identifiers: keep, "
           "ca_file: " +
           key.path +
           ", tables: {public.orders: {merge_interval: 10s}, '\"Sales\".\"Order Lines\"': {log_retention: forever}, Plain: "
           "{merge_interval: 1s, log_retention: 1h}}}");
  ASSERT_TRUE(found) << found.error().message();
  EXPECT_EQ(found->account, "my_org-acc_1");
  EXPECT_EQ(found->url, "https://my-org-acc-1.snowflakecomputing.com");
  EXPECT_EQ(found->user, "LOADER");
  EXPECT_EQ(found->role, "Mixed");
  EXPECT_EQ(found->private_key_file, key.path);
  EXPECT_EQ(found->private_key_passphrase, "hush-hush");
  EXPECT_EQ(found->database, "SHOP");
  EXPECT_EQ(found->schema, "my-schema");
  EXPECT_EQ(found->warehouse, "WH_1");
  EXPECT_EQ(found->transport, SnowflakeOptions::Transport::rest);
  EXPECT_EQ(found->python, "/v/bin/python");
  EXPECT_EQ(found->actors, 2U);
  EXPECT_EQ(found->shards_per_table, 8U);
  EXPECT_EQ(found->merge_interval, std::chrono::minutes(5));
  EXPECT_TRUE(found->soft_delete);
  EXPECT_TRUE(found->keep_case);
  EXPECT_EQ(found->log_retention, std::chrono::hours(7 * 24));
  EXPECT_EQ(found->merge_interval_of,
            (std::map<std::string, Duration>{{"public.orders", std::chrono::seconds(10)}, {"public.plain", std::chrono::seconds(1)}}));
  EXPECT_EQ(found->log_retention_of, (std::map<std::string, Duration>{{"Sales.Order Lines", Duration(0)}, {"public.plain", std::chrono::hours(1)}}));
}

TEST(SnowflakeSection, DefaultsAreThoseOfTheTable) {
  const auto found = read("{account: a, " + kToken + "}");
  ASSERT_TRUE(found) << found.error().message();
  for (const SnowflakeKey& key : snowflake_keys()) {
    if (key.fallback.empty()) continue;
    SnowflakeOptions set = *found;
    ASSERT_TRUE(set_snowflake_key(set, key, std::string(key.fallback), "t")) << key.name;
    EXPECT_EQ(set.transport, found->transport);
    EXPECT_EQ(set.current_state, found->current_state);
    EXPECT_EQ(set.actors, found->actors);
    EXPECT_EQ(set.shards_per_table, found->shards_per_table);
    EXPECT_EQ(set.merge_interval, found->merge_interval);
    EXPECT_EQ(set.log_retention, found->log_retention);
    EXPECT_EQ(set.soft_delete, found->soft_delete);
    EXPECT_EQ(set.keep_case, found->keep_case);
  }
}

TEST(SnowflakeSection, AddressAndAccountComeFromEachOther) {
  EXPECT_EQ(read("{account: XY12345.eu-central-1, " + kToken + "}")->url, "https://xy12345.eu-central-1.snowflakecomputing.com");
  EXPECT_EQ(read("{url: 'https://Org-Acc.snowflakecomputing.com/', " + kToken + "}")->account, "org-acc");
  EXPECT_EQ(read("{url: 'http://127.0.0.1:8085', transport: rest, " + kToken + "}")->url, "http://127.0.0.1:8085");
  EXPECT_EQ(read("{url: 'http://[::1]:8085', transport: rest, " + kToken + "}")->url, "http://[::1]:8085");
  EXPECT_TRUE(says(refusal("{url: 'http://127.0.0.1:8085', " + kToken + "}"), "transport: rest"));
  EXPECT_TRUE(says(refusal("{url: 'http://db.example', " + kToken + "}"), "https://"));
  EXPECT_TRUE(says(refusal("{url: 'http://127.evil.example', " + kToken + "}"), "in the clear"));
  EXPECT_TRUE(says(refusal("{url: 'ftp://h', " + kToken + "}"), "no URL"));
  EXPECT_TRUE(says(refusal("{url: 'https://u:hush-hush@h', " + kToken + "}"), "without a user"));
  EXPECT_TRUE(says(refusal("{url: 'https://h/path', " + kToken + "}"), "without a user or a path"));
  EXPECT_TRUE(says(refusal("{account: 'https://a.snowflakecomputing.com', " + kToken + "}"), "MYORG-MYACCOUNT"));
  EXPECT_TRUE(says(refusal("{account: 'a b', " + kToken + "}"), "no account identifier"));
  EXPECT_TRUE(says(refusal("{" + kToken + "}"), "account is missing"));
}

TEST(SnowflakeSection, ExactlyOneWayToSignIn) {
  EXPECT_TRUE(says(refusal("{account: a, database: d, warehouse: w}"), "nothing to sign in"));
  EXPECT_TRUE(says(refusal("{account: a, oauth_token: hush-hush, " + kToken + "}"), "two ways"));
  EXPECT_TRUE(says(refusal("{account: a, private_key_passphrase: hush-hush, " + kToken + "}"), "no private_key_file"));
  const KeyFile key;
  EXPECT_TRUE(says(refusal("{account: a, private_key_file: " + key.path + ", database: d, warehouse: w}"), "user is missing"));
  EXPECT_TRUE(says(refusal("{url: 'https://h', user: u, private_key_file: " + key.path + ", database: d, warehouse: w}"), "account is missing"));
  const KeyFile open_to_all("key", 0640);
  EXPECT_TRUE(
      says(refusal("{account: a, user: u, private_key_file: " + open_to_all.path + ", database: d, warehouse: w}"), "chmod 600 " + open_to_all.path));
  EXPECT_TRUE(says(refusal("{account: a, user: u, private_key_file: /no/such/key, database: d, warehouse: w}"), "luge snowflake init"));
}

TEST(SnowflakeSection, AnOauthClientIsWholeOrRefused) {
  const std::string place = "account: a, database: d, warehouse: w, ";
  const std::string client = place + "oauth_client_id: me, oauth_client_secret: '${SECRET}', ";
  const auto refresh = read("{" + client + "oauth_refresh_token: '${SECRET}', oauth_scope: 'session:role:R'}");
  ASSERT_TRUE(refresh) << refresh.error().message();
  EXPECT_EQ(refresh->oauth_client_id, "me");
  EXPECT_EQ(refresh->oauth_client_secret, "hush-hush");
  EXPECT_EQ(refresh->oauth_refresh_token, "hush-hush");
  EXPECT_EQ(refresh->oauth_scope, "session:role:R");
  EXPECT_EQ(refresh->transport, SnowflakeOptions::Transport::sdk);
  EXPECT_EQ(read("{" + client + "oauth_token_endpoint: 'https://idp.example/a/token?v=2'}")->oauth_token_endpoint, "https://idp.example/a/token?v=2");

  EXPECT_TRUE(says(refusal("{" + place + "oauth_client_secret: hush-hush}"), "oauth_client_id is missing"));
  EXPECT_TRUE(says(refusal("{" + place + "oauth_refresh_token: hush-hush}"), "oauth_client_id is missing"));
  EXPECT_TRUE(says(refusal("{" + place + "oauth_token_endpoint: 'https://h/t'}"), "oauth_client_id is missing"));
  EXPECT_TRUE(says(refusal("{" + place + "oauth_scope: s}"), "oauth_scope is given"));
  EXPECT_TRUE(says(refusal("{" + place + "oauth_client_id: me, oauth_refresh_token: hush-hush}"), "oauth_client_secret is missing"));
  EXPECT_TRUE(says(refusal("{" + client + "}"), "oauth_refresh_token is missing"));
  EXPECT_TRUE(says(refusal("{" + client + "}"), "oauth_token_endpoint"));
  EXPECT_TRUE(says(refusal("{" + client + "oauth_refresh_token: hush-hush, pat: hush-hush}"), "two ways"));
  EXPECT_TRUE(says(refusal("{" + client + "oauth_refresh_token: hush-hush, oauth_token: hush-hush}"), "two ways"));
  EXPECT_TRUE(says(refusal("{" + place + "pat: hush-hush, oauth_scope: s}"), "two ways"));
  EXPECT_TRUE(says(refusal("{" + client + "oauth_refresh_token: hush-hush, private_key_passphrase: hush-hush}"), "no private_key_file"));
}

TEST(SnowflakeSection, ATokenEndpointKeepsTheClientsSecret) {
  const auto section = [](const std::string& endpoint, const std::string& transport = "rest") {
    return "{account: a, database: d, warehouse: w, oauth_client_id: me, oauth_client_secret: hush-hush, transport: " + transport +
           ", oauth_token_endpoint: '" + endpoint + "'}";
  };
  for (const char* good : {"https://idp.example/t", "https://idp.example:8443", "http://127.0.0.1:1/t", "http://localhost/t?x", "http://[::1]:1/t"})
    EXPECT_TRUE(read(section(good))) << good;
  EXPECT_TRUE(says(refusal(section("http://idp.example/t")), "in the clear"));
  EXPECT_TRUE(says(refusal(section("http://127.0.0.1.evil.example/t")), "in the clear"));
  EXPECT_TRUE(says(refusal(section("http://evil.example/127.0.0.1")), "in the clear"));
  EXPECT_TRUE(says(refusal(section("http://evil.example?http://localhost")), "in the clear"));
  EXPECT_TRUE(says(refusal(section("http://localhost@evil.example/t")), "without a user"));
  EXPECT_TRUE(says(refusal(section("https://me:hush-hush@idp.example/t")), "without a user"));
  EXPECT_TRUE(says(refusal(section("idp.example/t")), "no URL"));
  EXPECT_TRUE(says(refusal(section("https:///t")), "no URL"));
  EXPECT_TRUE(says(refusal(section("http://localhost/t", "sdk")), "https only"));
}

TEST(SnowflakeSection, WhatIsSecretHereIsSecretInTheCatalog) {
  for (const SnowflakeKey& key : snowflake_keys()) EXPECT_EQ(key.secret, is_secret_option(key.name)) << key.name;
}

TEST(SnowflakeSection, SecretsComeFromPrivateFiles) {
  const KeyFile secret("hush-hush\n");
  EXPECT_EQ(read("{account: a, database: d, warehouse: w, pat: 'file:" + secret.path + "'}")->pat, "hush-hush");
  const KeyFile open_to_all("hush-hush\n", 0644);
  EXPECT_TRUE(says(refusal("{account: a, database: d, warehouse: w, pat: 'file:" + open_to_all.path + "'}"), "chmod 600"));
  // Only a secret is read from a file.
  EXPECT_EQ(read("{account: a, pat: x, warehouse: w, database: 'file:" + secret.path + "'}")->database, "file:" + secret.path);
}

TEST(SnowflakeSection, MistakesAreNamedWithPlaceAndRemedy) {
  EXPECT_TRUE(says(refusal("{acount: x}"), "did you mean account?"));
  EXPECT_TRUE(says(refusal("{acount: x}"), "luge.yaml:1: snowflake.acount"));
  EXPECT_TRUE(says(refusal("{transport: rust}"), "sdk|rest"));
  EXPECT_TRUE(says(refusal("{current_state: meerge}"), "did you mean merge?"));
  EXPECT_TRUE(says(refusal("{actors: 0}"), "1 to 64"));
  EXPECT_TRUE(says(refusal("{actors: many}"), "not a number"));
  EXPECT_TRUE(says(refusal("{shards_per_table: 65}"), "1 to 64"));
  EXPECT_TRUE(says(refusal("{merge_interval: 60}"), "out of range"));
  EXPECT_TRUE(says(refusal("{merge_interval: forever}"), "60s"));
  EXPECT_TRUE(says(refusal("{log_retention: 1min}"), "or forever"));
  EXPECT_TRUE(says(refusal("{delete: gone}"), "hard|soft"));
  EXPECT_TRUE(says(refusal("{user: }"), "empty"));
  EXPECT_TRUE(says(refusal("{tables: {public.orders: {actors: 3}}}"), "unknown key"));
  EXPECT_TRUE(says(refusal("{tables: {public.orders: {merge_intervall: 3s}}}"), "did you mean merge_interval?"));
  EXPECT_TRUE(says(refusal("{tables: {'public.*': {merge_interval: 3s}}}"), "no table's name"));
  EXPECT_TRUE(says(refusal("{tables: {a.b.c: {merge_interval: 3s}}}"), "no table's name"));
  EXPECT_TRUE(says(refusal("{tables: {public.orders: 3s}}"), "not a mapping"));
  EXPECT_TRUE(says(refusal("{account: a, pat: x, warehouse: w}"), "database is missing"));
  EXPECT_TRUE(says(refusal("{account: a, pat: x, database: d}"), "warehouse is missing"));
}

TEST(SnowflakeSection, WhatDoesNotGoTogether) {
  EXPECT_TRUE(says(refusal("{account: a, current_state: view, log_retention: 7d, " + kToken + "}"), "where the rows are"));
  EXPECT_TRUE(says(refusal("{account: a, current_state: none, log_retention: 7d, " + kToken + "}"), "once they are merged"));
  EXPECT_TRUE(says(refusal("{account: a, current_state: none, tables: {a.b: {log_retention: 7d}}, " + kToken + "}"), "once they are merged"));
  for (const std::string about : {"log_retention: 7d", "delete: soft", "tables: {a.b: {merge_interval: 1s}}", "tables: {a.b: {log_retention: 1h}}"})
    EXPECT_TRUE(says(refusal("{account: a, " + about + ", " + kToken + "}", "log"), "--mode log keeps none"));
  EXPECT_TRUE(read("{account: a, merge_interval: 1s, " + kToken + "}", "log"));
  EXPECT_TRUE(says(refusal("{account: a, current_state: none, delete: soft, " + kToken + "}"), "current_state: merge"));
  EXPECT_TRUE(says(refusal("{account: a, current_state: view, tables: {t: {merge_interval: 3s}}, " + kToken + "}"), "merge_interval"));
  EXPECT_TRUE(says(refusal("{account: a, transport: rest, 'transform': 'm:f', " + kToken + "}"), "transport: sdk"));
  EXPECT_TRUE(says(refusal("{account: a, transform: 'os.system(1)', " + kToken + "}"), "module:function"));
  EXPECT_TRUE(says(refusal("{account: a, oauth_token: hush-hush, database: d, warehouse: w}"), "transport: rest"));
  EXPECT_TRUE(says(refusal("{account: a, oauth_token: hush-hush, database: d, warehouse: w}"), "oauth_client_id"));
  EXPECT_TRUE(read("{account: a, oauth_token: x, transport: rest, database: d, warehouse: w}"));
  EXPECT_EQ(read("{account: a, transform: 'my.module:mask', " + kToken + "}")->transform, "my.module:mask");
}

TEST(SnowflakeSection, NoneAtAllSaysWhatToWrite) {
  const auto found = require_snowflake(default_options());
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().exit_code, ExitCode::usage);
  EXPECT_TRUE(says(found.error(), "snowflake:\n  account:"));
  // The example is one that works, but for the key file.
  const std::string& hint = found.error().hint;
  Options options = default_options();
  ASSERT_TRUE(apply_config_text(options, hint.substr(hint.find("snowflake:\n")), "example", process_environment()));
  EXPECT_TRUE(says(require_snowflake(options).error(), "luge_rsa_key.p8"));
}

TEST(SnowflakeSection, WhatInitPrintsReadsBack) {
  const KeyFile key;
  SnowflakeOptions written;
  written.account = "MYORG-MY_ACCOUNT";
  written.user = "we\"ird user";
  written.role = "LUGE";
  written.private_key_file = key.path;
  written.database = "shop's #1: \"big\"";
  written.schema = "lower";
  written.warehouse = "W";
  const auto read_back = [&] {
    Options options = default_options();
    const Status applied = apply_config_text(options, snowflake_section_yaml(written), "yaml", process_environment());
    EXPECT_TRUE(applied) << snowflake_section_yaml(written);
    return require_snowflake(options);
  }();
  ASSERT_TRUE(read_back) << read_back.error().message() << snowflake_section_yaml(written);
  EXPECT_EQ(read_back->user, written.user);
  EXPECT_EQ(read_back->database, written.database);
  EXPECT_EQ(read_back->schema, written.schema);
  EXPECT_EQ(read_back->warehouse, written.warehouse);
}

TEST(SnowflakeSection, IdentifiersFoldLikeInSql) {
  EXPECT_EQ(fold_identifier("shop_1$"), "SHOP_1$");
  EXPECT_EQ(fold_identifier("\"shop\""), "shop");
  EXPECT_EQ(fold_identifier("\"a\"\"b\""), "a\"b");
  EXPECT_EQ(fold_identifier("my-db"), "my-db");
  EXPECT_EQ(fold_identifier("1st"), "1st");
}

}  // namespace
}  // namespace luge
