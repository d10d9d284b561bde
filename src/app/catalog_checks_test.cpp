#include "app/catalog_checks.h"

#include <gtest/gtest.h>
#include <utility>

#include "service/catalog/edit_errors.h"
#include "service/catalog/pipeline_spec.h"

namespace luge {
namespace {

Error refusal(const CatalogEdit& edit) {
  CatalogContents contents;
  contents.sources["shop"] = {"shop", "host=db", "{}", 1};
  contents.destinations["lake"] = {"lake", "duckdb:/lake.duckdb", "{}", 1};
  const std::vector<CatalogEdit> edits{edit};
  const Status checked = check_catalog_edits(contents, edits);
  return checked ? Error{} : checked.error();
}

TEST(CatalogChecks, WhatCanNeverWorkIsRefusedInRowsThatNobodyUses) {
  const std::pair<CatalogEdit, const char*> wrong[] = {
      {SourceRow{"x", "host=db", R"({"nope": "1"})", 0}, "on_gap"},
      {SourceRow{"x", "host=db", R"({"on_gap": "perhaps"})", 0}, "stop|resync"},
      {DestinationRow{"w", "foo:bar", "{}", 0}, "parquet:DIR"},
      {DestinationRow{"w", "s3://x", "{}", 0}, "parquet:DIR"},
      {DestinationRow{"w", "duckdb:", "{}", 0}, "path is missing"},
      {DestinationRow{"w", "duckdb:/x", R"({"account": "A"})", 0}, "no option"},
      {DestinationRow{"w", "snowflake:", R"({"acount": "A"})", 0}, "account"},
  };
  for (const auto& [edit, word] : wrong) {
    const Error error = refusal(edit);
    EXPECT_EQ(error.exit_code, ExitCode::usage) << word;
    EXPECT_NE((error.what + error.hint).find(word), std::string::npos) << error.what << " " << error.hint;
  }
  EXPECT_EQ(refusal(SourceRow{"x", "host=db", R"({"parallel_copies": "2", "columns": {"a.b.c": {"as": "text"}}})", 0}).what, "");
  EXPECT_EQ(refusal(DestinationRow{"w", "duckdb:${DIRECTORY}/x.duckdb", "{}", 0}).what, "");
  EXPECT_EQ(refusal(DestinationRow{"w", "snowflake:", R"({"account": "A-B", "pat": "${PAT}"})", 0}).what, "");
}

TEST(CatalogChecks, AStateIsAPlace) {
  const auto with_state = [](const std::string& state) {
    PipelineRow row;
    row.name = "shop";
    row.source = "shop";
    row.destination = "lake";
    row.options = R"({"state": ")" + state + "\"}";
    return refusal(row);
  };
  for (const char* wrong : {"foo:bar", "sqlite:", "redis:", "/var/state.db"}) {
    EXPECT_EQ(with_state(wrong).exit_code, ExitCode::usage) << wrong;
    EXPECT_NE(with_state(wrong).hint.find("sqlite:PATH"), std::string::npos) << wrong;
  }
  for (const char* right : {"sqlite:/var/state.db", "redis://cache/1", "${STATE}", "redis://u:${PW}@cache", "file:/run/state", "enc:v1:k1:AAAA"})
    EXPECT_EQ(with_state(right).what, "") << right;
}

/// A catalog that is nowhere, and somebody else who edits it.
class BusyCatalog final : public PipelineCatalog {
 public:
  CatalogContents now;
  std::vector<std::vector<CatalogEdit>> somebody_else;  ///< what he does before each of the next edits, the last one first
  int edits_made = 0;

  Result<CatalogContents> read() override { return now; }
  Status edit(std::span<const CatalogEdit> edits, std::optional<std::int64_t> expected_revision) override {
    if (!somebody_else.empty()) {
      change(somebody_else.back());
      somebody_else.pop_back();
    }
    if (expected_revision && *expected_revision != now.revision) return catalog_changed();
    change(edits);
    ++edits_made;
    return ok();
  }
  Result<std::int64_t> await_change(std::int64_t known, Duration, const std::stop_token&) override { return known; }
  Status write_statuses(std::span<const StatusRow>) override { return ok(); }
  Result<std::vector<StatusRow>> read_statuses() override { return std::vector<StatusRow>(); }
  Status keep_statuses(std::span<const std::string>) override { return ok(); }
  Result<std::vector<AlertRow>> read_alerts() override { return std::vector<AlertRow>{}; }
  Status write_alerts(std::span<const AlertRow> /*rows*/, std::span<const std::string> /*gone*/) override { return ok(); }
  std::string description() const override { return "nowhere"; }

 private:
  void change(std::span<const CatalogEdit> edits) {
    now = with_edits(std::move(now), edits);
    ++now.revision;
  }
};

/// Two paused pipelines that write to the same file.
BusyCatalog two_for_one_file() {
  BusyCatalog catalog;
  catalog.now.sources["shop"] = {"shop", "host=db", "{}", 1};
  catalog.now.destinations["lake"] = {"lake", "duckdb:/lake.duckdb", "{}", 1};
  PipelineRow row;
  row.source = "shop";
  row.destination = "lake";
  row.desired = "PAUSE";
  for (const char* name : {"one", "two"}) {
    row.name = name;
    catalog.now.pipelines[name] = row;
  }
  return catalog;
}

std::string code(const Status& status) { return status ? "" : status.error().code; }

TEST(ChangeDesired, AFileThatHasAWriterGetsNoSecondOne) {
  BusyCatalog catalog = two_for_one_file();
  EXPECT_EQ(code(change_desired(catalog, "one", "START")), "");
  EXPECT_EQ(code(change_desired(catalog, "two", "START")), "destination_taken");
  EXPECT_EQ(catalog.now.pipelines.at("two").desired, "PAUSE");
  EXPECT_EQ(code(change_desired(catalog, "one", "PAUSE")), "");
  EXPECT_EQ(code(change_desired(catalog, "two", "START")), "");
}

TEST(ChangeDesired, AStartIsCheckedAgainWhenSomebodyWasFaster) {
  BusyCatalog catalog = two_for_one_file();
  catalog.somebody_else.push_back({SourceRow{"other", "host=db", "{}", 0}});
  EXPECT_EQ(code(change_desired(catalog, "one", "START")), "") << "another row's change is no reason to fail";
  EXPECT_EQ(catalog.edits_made, 1);
  catalog = two_for_one_file();
  catalog.somebody_else.push_back({SetDesired{"two", "START"}});
  EXPECT_EQ(code(change_desired(catalog, "one", "START")), "destination_taken");
  EXPECT_EQ(catalog.now.pipelines.at("one").desired, "PAUSE");
  catalog = two_for_one_file();
  catalog.somebody_else.assign(100, {SourceRow{"other", "host=db", "{}", 0}});
  EXPECT_EQ(code(change_desired(catalog, "one", "START")), "catalog_changed") << "it does not try for ever";
}

TEST(ChangeDesired, WhatIsBrokenIsPausedAndNotStarted) {
  BusyCatalog catalog = two_for_one_file();
  catalog.now.pipelines.at("one").options = R"({"on_gap": "perhaps"})";
  catalog.somebody_else.push_back({SourceRow{"other", "host=db", "{}", 0}});
  EXPECT_EQ(code(change_desired(catalog, "one", "PAUSE")), "");
  EXPECT_NE(code(change_desired(catalog, "one", "START")), "");
}

}  // namespace
}  // namespace luge
