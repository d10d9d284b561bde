#include "app/catalog_checks.h"

#include <gtest/gtest.h>

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

}  // namespace
}  // namespace luge
