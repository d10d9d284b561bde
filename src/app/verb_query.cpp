#include <cstdio>
#include <nlohmann/json.hpp>

#include "app/error_report.h"
#include "app/option_value.h"
#include "app/pipeline_places.h"
#include "app/query_stream.h"
#include "app/reach.h"
#include "app/text_table.h"
#include "app/verbs.h"

namespace luge {

namespace {

using nlohmann::json;

/// Takes the lines of a query's answer as they come.
class QueryOutput {
 public:
  virtual ~QueryOutput() = default;
  virtual void columns(const json& names) = 0;
  virtual void row(const json& values) = 0;
  virtual void end(std::uint64_t rows) = 0;

  bool line(const std::string& text) {
    const json parsed = json::parse(text, nullptr, false);
    if (const auto names = parsed.find("columns"); names != parsed.end()) columns(*names);
    if (const auto values = parsed.find("row"); values != parsed.end()) row(*values);
    return std::ferror(stdout) == 0;  // nobody reads any more
  }
};

/// {"columns": [names], "rows": [[texts or null]]}, written as rows arrive. A statement that fails on the way ends it with "error".
class JsonOutput final : public QueryOutput {
 public:
  void columns(const json& names) override {
    std::fputs(("{\"columns\":" + names.dump() + ",\"rows\":[").c_str(), stdout);
    begun_ = true;
  }
  void row(const json& values) override {
    std::fputs(((first_ ? "" : ",") + ("\n" + values.dump())).c_str(), stdout);
    first_ = false;
  }
  void end(std::uint64_t /*rows*/) override { std::fputs("]}\n", stdout); }

  bool begun() const { return begun_; }
  void end(const Error& error) const { std::fputs(("],\"error\":" + error_json(error) + "}\n").c_str(), stdout); }

 private:
  bool begun_ = false;
  bool first_ = true;
};

class TableOutput final : public QueryOutput {
 public:
  explicit TableOutput(std::uint64_t limit) : limit_(limit) {}
  void columns(const json& names) override { table_.emplace(names.get<std::vector<std::string>>()); }
  void row(const json& values) override {
    if (table_->rows() >= limit_) return;
    std::vector<std::optional<std::string>> texts;
    for (const json& value : values) texts.push_back(value.is_null() ? std::nullopt : std::optional(value.get<std::string>()));
    table_->add_values(texts);
  }
  void end(std::uint64_t rows) override {
    if (table_) std::fputs(table_->text().c_str(), stdout);
    const std::string shown = rows > limit_ ? " (the first " + format_count(limit_) + " are shown; --limit or --json shows more)" : "";
    std::printf("%s row%s%s\n", format_count(rows).c_str(), rows == 1 ? "" : "s", shown.c_str());
  }

 private:
  const std::uint64_t limit_;
  std::optional<TextTable> table_;
};

Result<std::uint64_t> ask(Reached& reached, const std::string& sql, QueryOutput& output) {
  const auto on_line = [&](const std::string& line) { return output.line(line); };
  if (reached.running) {
    TRY(const std::string done, reached.running->call({"query", {{"sql", sql}}}, on_line));
    return json::parse(done).value("rows", std::uint64_t{0});
  }
  TRY(const auto reader, reached.offline->read());
  return stream_query(*reader, sql, on_line);
}

}  // namespace

Result<ExitCode> query_verb(const Options& options, const Environment& environment) {
  TRY(const PipelinePlaces places, find_places(options, environment));
  TRY(Reached reached, reach(options, places));
  JsonOutput as_json;
  TableOutput as_table(options.limit);
  QueryOutput& output = options.json ? static_cast<QueryOutput&>(as_json) : as_table;
  const auto rows = ask(reached, options.arguments.front(), output);
  if (rows) {
    output.end(*rows);
    return ExitCode::done;
  }
  if (!as_json.begun()) return rows.error();
  as_json.end(rows.error());
  tell_error(rows.error(), options.log == "json");
  return rows.error().exit_code;
}

}  // namespace luge
