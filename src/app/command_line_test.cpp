#include "app/command_line.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "app/option_help.h"
#include "app/option_table.h"
#include "app/usage_error.h"

namespace luge {
namespace {

const Environment kNoEnvironment = [](const std::string&) { return std::nullopt; };

Result<CommandLine> parse(std::vector<std::string> words, const Environment& environment = kNoEnvironment) {
  return parse_command_line(words, environment);
}

Invocation invocation(std::vector<std::string> words, const Environment& environment = kNoEnvironment) {
  auto parsed = parse(std::move(words), environment);
  EXPECT_TRUE(parsed) << parsed.error().message();
  return parsed ? std::get<Invocation>(*parsed) : Invocation{};
}

Error refusal(std::vector<std::string> words) {
  auto parsed = parse(std::move(words));
  EXPECT_FALSE(parsed);
  if (parsed) return {};
  EXPECT_EQ(parsed.error().exit_code, ExitCode::usage);
  return parsed.error();
}

struct TemporaryFile {
  explicit TemporaryFile(const std::string& text, unsigned mode = 0600) {
    path = (std::filesystem::temp_directory_path() / "luge-config-XXXXXX").string();
    const int file = ::mkstemp(path.data());
    ::close(file);
    ::chmod(path.c_str(), mode);
    std::ofstream(path) << text;
  }
  ~TemporaryFile() { std::filesystem::remove(path); }
  std::string path;
};

TEST(CommandLine, DefaultsAreThoseOfTheDesign) {
  const Options options = invocation({"run"}).options;
  EXPECT_EQ(options.pipeline, "luge");
  EXPECT_EQ(options.mode, "mirror");
  EXPECT_EQ(options.batch_max_size, 100'000U);
  EXPECT_EQ(options.batch_max_fill, Duration(500'000));
  EXPECT_EQ(options.batch_max_bytes, 64U << 20);
  EXPECT_EQ(options.memory_limit, 256'000'000U);
  EXPECT_EQ(options.on_gap, "stop");
  EXPECT_TRUE(options.streaming);
  EXPECT_FALSE(options.json);
}

TEST(CommandLine, ReadsOptionsAndArguments) {
  const Invocation run = invocation({"run", "--source", "service=x", "--to=duckdb:a b.duckdb", "--batch-max-size", "5", "--batch-max-fill-ms", "2s",
                                     "--streaming=off", "--until", "16/B374D848"});
  EXPECT_EQ(run.verb, Verb::run);
  EXPECT_EQ(run.options.source, "service=x");
  EXPECT_EQ(run.options.destination, "duckdb:a b.duckdb");
  EXPECT_EQ(run.options.batch_max_size, 5U);
  EXPECT_EQ(run.options.batch_max_fill, Duration(2'000'000));
  EXPECT_FALSE(run.options.streaming);
  EXPECT_EQ(run.options.until, "16/B374D848");

  const Invocation query = invocation({"query", "--json", "select 1", "--to", "duckdb:x"});
  EXPECT_TRUE(query.options.json);
  EXPECT_EQ(query.options.arguments, std::vector<std::string>{"select 1"});
  EXPECT_EQ(invocation({"query", "--", "-- a comment\nselect 1"}).options.arguments, std::vector<std::string>{"-- a comment\nselect 1"});
  EXPECT_EQ(invocation({"verify", "public.a", "public.b"}).options.arguments.size(), 2U);
}

TEST(CommandLine, TheLastOneWins) { EXPECT_EQ(invocation({"run", "--mode", "log", "--mode", "mirror"}).options.mode, "mirror"); }

TEST(CommandLine, MistakesAreNamedWithTheNearestName) {
  EXPECT_NE(refusal({"stats"}).hint.find("status"), std::string::npos);
  EXPECT_NE(refusal({"run", "--table", "x"}).hint.find("--tables"), std::string::npos);
  EXPECT_NE(refusal({"run", "--mode", "miror"}).hint.find("mirror"), std::string::npos);
  EXPECT_NE(refusal({"run", "--batch-max-size", "0"}).what.find("out of range"), std::string::npos);
  EXPECT_NE(refusal({"run", "--until", "later"}).what.find("caught-up"), std::string::npos);
  EXPECT_NE(refusal({"query"}).what.find("SQL is missing"), std::string::npos);
  EXPECT_NE(refusal({"query", "select", "1"}).hint.find("quotes"), std::string::npos);
  EXPECT_NE(refusal({"status", "x"}).what.find("too many"), std::string::npos);
  EXPECT_NE(refusal({}).hint.find("luge demo"), std::string::npos);
  refusal({"status", "--tables", "x"});  // an option of another verb
  refusal({"run", "--source"});
}

TEST(CommandLine, WhoAsksForJsonIsKnownEvenIfTheRestIsWrong) {
  EXPECT_TRUE(asks_for_json({"run", "--nonsense", "--json"}));
  EXPECT_TRUE(asks_for_json({"--json=on", "status"}));
  EXPECT_FALSE(asks_for_json({"status", "--json=off"}));
  EXPECT_FALSE(asks_for_json({"query", "--jsonl"}));
  EXPECT_FALSE(asks_for_json({"query", "--", "--json"}));
  EXPECT_FALSE(asks_for_json({}));
}

TEST(CommandLine, HelpComesFromTheTables) {
  for (const VerbSpec& verb : verb_table()) {
    const auto answer = parse({std::string(verb.name), "--help"});
    ASSERT_TRUE(answer);
    const std::string& text = std::get<Answer>(*answer).text;
    EXPECT_NE(text.find("Examples\n  "), std::string::npos) << verb.name;
    for (const OptionSpec& option : option_table()) {
      const bool mine = (option.verbs & verb_bit(verb.verb)) != 0;
      const std::string name = "--" + std::string(option.name);
      const std::size_t line = std::min(text.find("\n  " + name), text.find("\n  -f, " + name));
      const std::size_t end = line == std::string::npos ? line : text.find(name, line) + name.size();
      const bool listed = line != std::string::npos && std::string(" =\n").find(text[end]) != std::string::npos;
      EXPECT_EQ(listed, mine) << verb.name << " " << option.name;
    }
  }
  EXPECT_TRUE(parse({"--version"}));
  EXPECT_NE(std::get<Answer>(*parse({"--help"})).text.find("luge run"), std::string::npos);
}

TEST(ConfigFile, SameOptionsAndTheCommandLineWins) {
  const TemporaryFile file(
      "to: duckdb:${DIR}/a.duckdb\nbatch_max_size: 7\ntables: [public.*, '!public.audit_*']\nmode: log\njson: true\n"
      "columns:\n  \"type: numeric\": {as: text}\nsnowflake: {account: x}\n");
  const Invocation run = invocation({"run", "--config", file.path, "--mode", "mirror"}, [](const std::string& name) -> std::optional<std::string> {
    if (name == "DIR") return "/data";
    if (name == "LUGE_SOURCE") return "service=from_env";
    return std::nullopt;
  });
  EXPECT_EQ(run.options.destination, "duckdb:/data/a.duckdb");
  EXPECT_EQ(run.options.batch_max_size, 7U);
  EXPECT_EQ(run.options.tables, "public.*,!public.audit_*");
  EXPECT_EQ(run.options.mode, "mirror");
  EXPECT_EQ(run.options.source, "service=from_env");
  EXPECT_FALSE(run.options.columns.empty());
  ASSERT_TRUE(run.options.snowflake);
  EXPECT_EQ(run.options.snowflake->account, "x");
}

TEST(ConfigFile, MistakesAreNamedWithLineAndNearestKey) {
  const auto apply = [](const std::string& yaml) {
    Options options = default_options();
    const Status status = apply_config_text(options, yaml, "luge.yaml", kNoEnvironment);
    EXPECT_FALSE(status) << yaml;
    return status ? Error{} : status.error();
  };
  const Error unknown = apply("to: duckdb:x\nbatch_max_sizes: 3\n");
  EXPECT_NE(unknown.what.find("luge.yaml:2: batch_max_sizes"), std::string::npos) << unknown.what;
  EXPECT_NE(unknown.hint.find("batch_max_size"), std::string::npos);
  EXPECT_NE(apply("to: ${NOPE}\n").what.find("NOPE"), std::string::npos);
  EXPECT_NE(apply("to: [unclosed\n").what.find("luge.yaml:"), std::string::npos);
  EXPECT_NE(apply("columns: {\"a.b.c\": {ass: text}}\n").hint.find("as"), std::string::npos);
  EXPECT_NE(apply("columns: {\"b.c\": {as: text}}\n").what.find("b.c"), std::string::npos);
  EXPECT_NE(apply("snowflake: {acount: x}\n").hint.find("account"), std::string::npos);
  EXPECT_NE(apply("- a\n").what.find("mapping"), std::string::npos);
  EXPECT_NE(apply("batch_max_size: many\n").what.find("many"), std::string::npos);
}

TEST(ConfigFile, SecretsComeFromFilesThatOthersCannotRead) {
  const TemporaryFile secret("postgres://u:pw@h/d\n");
  EXPECT_EQ(invocation({"run", "--source", "file:" + secret.path}).options.source, "postgres://u:pw@h/d");
  const TemporaryFile open_to_all("postgres://u:pw@h/d\n", 0644);
  EXPECT_NE(refusal({"run", "--source", "file:" + open_to_all.path}).hint.find("chmod 600"), std::string::npos);
}

TEST(ConfigFile, DollarBraces) {
  const Environment environment = [](const std::string& name) -> std::optional<std::string> {
    return name == "A" ? std::optional<std::string>("1") : std::nullopt;
  };
  EXPECT_EQ(*expand_environment("x${A}y${A}", environment, "t"), "x1y1");
  EXPECT_EQ(*expand_environment("$${A} $5", environment, "t"), "${A} $5");
  EXPECT_FALSE(expand_environment("${A", environment, "t"));
}

TEST(NearestName, IsNearOrNothing) {
  EXPECT_EQ(nearest_name("quarry", {"query", "verify"}), "query");
  EXPECT_EQ(nearest_name("zzz", {"query", "verify"}), "");
}

}  // namespace
}  // namespace luge
